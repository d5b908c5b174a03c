"""The browser components: joined to one module each, in agreement with Python, and checked by JavaScript's own tools.

What Python and JavaScript both compute is bound by tests/vectors: the tests here read them, and those in components/*.test.js.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curator.app import upload_routes  # noqa: F401 - it imports all that routes raise
from curator.app.components import HERE, REVIEWING, TINT, joined, scripts_of
from curator.ingest.aside import MAX_CROP_SIDES, MIN_CROP_SIDE, check_square
from curator.pictures.crop import Square, to_crop, to_photo
from curator.review.guide import tinted
from curator.review.progress import (
    CURRENT_SECONDS,
    ENOUGH_SECONDS,
    ENOUGH_VERDICTS,
    FORECAST_SECONDS,
    LEAST_SECONDS,
    PAUSE_SECONDS,
    measure_pace,
    newest_activity,
)
from db.errors import WinnowError
from db.tables import CROP_SIDE, Reason

ROOT = Path(__file__).parents[3]
COMPONENTS = sorted(path.stem for path in HERE.glob("*/*.js") if path.stem == path.parent.name)
TESTS = sorted(map(str, (ROOT / "tests/curator/app/components").glob("*.test.js")))
node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed; apt-get install nodejs")
tools = pytest.mark.skipif(
    not (ROOT / "node_modules").is_dir(), reason="eslint and TypeScript are not installed; npm install (see package.json)"
)


def vectors(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / f"tests/vectors/{name}.json").read_text())
    return found


def run(*command: str, text: str | None = None) -> None:
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_comes_after_those_that_it_imports_and_only_once(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "base.js").write_text("export const one = 1;\n")
    (tmp_path / "part/middle.js").write_text(
        'import { one } from "../base.js";\n\nexport async function two() {\n  return 2 * one;\n}\n'
    )
    (tmp_path / "part/top.js").write_text(
        'import {\n  one,\n} from "../base.js";\nimport { two } from "./middle.js";\nexport default () => [one, two];\n'
    )
    scripts = scripts_of(tmp_path / "part/top.js")
    assert [script.name for script in scripts] == ["base.js", "middle.js", "top.js"]
    assert joined(scripts) == (
        "const one = 1;\n\nasync function two() {\n  return 2 * one;\n}\nexport default () => [one, two];\n"
    )


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_joined_component_imports_nothing_and_has_one_default_export(name: str) -> None:
    script = joined(scripts_of(HERE / name / f"{name}.js"))
    assert re.findall(r"^(?:import|export)\b.*", script, re.MULTILINE) == re.findall(
        r"^export default .*", script, re.MULTILINE
    )
    assert script.count("\nexport default ") == 1


@node
@pytest.mark.parametrize("name", COMPONENTS)
def test_a_joined_component_is_a_module_without_a_name_declared_twice(name: str) -> None:
    run("node", "--check", "--input-type=module", "-", text=joined(scripts_of(HERE / name / f"{name}.js")))


# --- what Python and JavaScript both compute ------------------------------------------------------------------------------


def test_places_of_the_photo_are_where_the_vectors_have_them_in_the_crop() -> None:
    for case in vectors("square")["points"]:
        square = Square(**case["square"])
        assert to_crop(square, tuple(case["photo"])) == pytest.approx(case["crop"])
        assert to_photo(square, tuple(case["crop"])) == pytest.approx(case["photo"])


def test_the_corners_of_a_crop_are_where_the_vectors_have_them_on_the_photo() -> None:
    corners = [(0, 0), (0, CROP_SIDE), (CROP_SIDE, CROP_SIDE), (CROP_SIDE, 0)]
    for case in vectors("square")["corners"]:
        found = [to_photo(Square(**case["square"]), corner) for corner in corners]
        assert np.array(found) == pytest.approx(np.array(case["photo"]))


def test_squares_that_the_tray_can_draw_are_accepted_and_others_refused() -> None:
    given = vectors("square")
    assert given["limits"] == {"least": MIN_CROP_SIDE, "most": MAX_CROP_SIDES}
    for case in given["placed"]:
        check_square(Square(**case["square"]), **given["photo"])
    for square in given["refused"]:
        with pytest.raises(WinnowError):
            check_square(Square(**square), **given["photo"])


def test_the_pace_is_that_of_the_vectors() -> None:
    given = vectors("pace")
    assert (given["pause"], given["recent"]) == (PAUSE_SECONDS, CURRENT_SECONDS)
    assert REVIEWING["pace"] == {
        "pause_ms": 1000 * given["pause"],
        "recent_ms": 1000 * given["recent"],
        "forecast_ms": 1000 * FORECAST_SECONDS,
        "least_ms": 1000 * LEAST_SECONDS,
        "enough_ms": 1000 * ENOUGH_SECONDS,
        "enough": ENOUGH_VERDICTS,
    }
    for case in given["cases"]:
        pace = measure_pace(newest_activity(np.array(case["seconds"], np.float64), CURRENT_SECONDS))
        assert (pace.timed, pace.seconds) == (case["timed"], case["active"]), case["about"]


def test_the_guide_tints_as_the_vectors_say() -> None:
    given = vectors("tint")
    assert given["tint"] == TINT
    colours = {".": [given["photo"]], "f": [given["filled"]], "e": [given["tint"]["edge"][:3]]}
    colours["?"] = [*colours["f"], *colours["e"]]
    for case in given["cases"]:
        mask = np.array([[255 if cell == "#" else 0 for cell in row] for row in case["mask"]], np.uint8)
        shown = tinted(np.full((*mask.shape, 3), given["photo"], np.uint8), mask)
        for (row, column), cell in np.ndenumerate(np.array([list(row) for row in case["tint"]])):
            assert shown[row, column].tolist() in colours[cell], f"{case['about']}: row {row}, column {column}"


def test_every_reason_has_a_label_and_all_but_one_a_key() -> None:
    reasons = REVIEWING["reasons"]
    assert [reason["name"] for reason in reasons] == [reason.value for reason in Reason]
    assert [reason["key"] for reason in reasons] == ["1", "2", "3", "4", "5", "6", None]
    assert all(reason["label"] for reason in reasons)


def codes(kind: type[WinnowError]) -> Iterator[str]:
    """The codes of a kind of error and of all its kinds; the routes know those that they import."""
    yield kind.code
    for narrower in kind.__subclasses__():
        yield from codes(narrower)


def test_components_ask_for_codes_that_routes_send_and_read_no_words() -> None:
    known = set(codes(WinnowError))
    declared = re.search(r"type ErrorCode =([^;]*);", (HERE / "types.d.ts").read_text())
    assert declared is not None
    assert set(re.findall(r'"(\w+)"', declared[1])) == known
    scripts = {path: path.read_text() for path in HERE.rglob("*.js")}
    asked = {code for script in scripts.values() for code in re.findall(r'\.is\("(\w+)"\)', script)}
    assert {"already_decided", "stale_page", "time_up"} <= asked <= known
    words = re.compile(r"message\W{0,3}\.(match|includes|startsWith|endsWith|search)\(|\.(test|exec|match)\([^)]*message")
    assert [path.name for path, script in scripts.items() if words.search(script)] == []


def test_every_code_is_explained_where_the_routes_are() -> None:
    told = (ROOT / "docs/architecture.md").read_text()
    assert {code for code in codes(WinnowError) if f"`{code}`" not in told} == set()


# --- JavaScript's own tools ------------------------------------------------------------------------------------------------


@node
@pytest.mark.parametrize("test", TESTS, ids=lambda test: Path(test).name)
def test_javascript(test: str) -> None:
    run("node", "--test", test)


@node
@tools
def test_javascript_passes_eslint() -> None:
    run("node_modules/.bin/eslint", ".", "--max-warnings", "0")


@node
@tools
def test_javascript_passes_the_type_checker() -> None:
    run("node_modules/.bin/tsc")
