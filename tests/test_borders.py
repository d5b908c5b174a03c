"""Which module may import which: the floors of the house, Streamlit only in the app, TensorFlow only where it is needed."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VIEWS = sorted(path.stem for path in (ROOT / "curator/app/views").glob("*.py") if path.stem != "__init__")


def loaded(code: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after running the code."""
    program = f"import sys\n{code}\nprint(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def imports_of(path: Path) -> str:
    """The imports of a page, which is a script: its body would want a running app."""
    return "\n".join(
        ast.unparse(one) for one in ast.parse(path.read_text()).body if isinstance(one, ast.Import | ast.ImportFrom)
    )


def test_the_whole_app_loads_no_tensorflow() -> None:
    code = "import curator.app.routes, curator.app.frame\n" + "\n".join(
        imports_of(ROOT / f"curator/app/views/{name}.py") for name in VIEWS
    )
    names = loaded(code)
    assert {"streamlit", "cv2"} <= names
    assert not {"tensorflow", "keras", "coremltools"} & names


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("curator.__main__", {"tensorflow", "keras", "streamlit"}),
        ("curator.app.command", {"tensorflow", "keras", "streamlit"}),
        ("trainer.__main__", {"tensorflow", "streamlit", "curator"}),
    ],
)
def test_the_commands_start_light(module: str, absent: set[str]) -> None:
    assert not loaded(f"import {module}") & absent


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the packages and their contracts, to break."""
    for package in ("curator", "trainer", "db"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def linted(house: Path) -> "subprocess.CompletedProcess[str]":
    """What import-linter says about a copy of the house."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=house, env={"PYTHONPATH": str(house)}, capture_output=True, text=True)


def module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def test_the_house_keeps_its_contracts(house: Path) -> None:
    assert linted(house).returncode == 0


def test_streamlit_in_any_module_outside_the_app_fails_the_check(house: Path) -> None:
    files = [path.relative_to(house) for path in house.rglob("*.py")]
    outside = [path for path in files if path.parts[:2] != ("curator", "app") and "versions" not in path.parts]
    assert len(outside) > 100
    for path in outside:
        with (house / path).open("a") as file:
            file.write("\nimport streamlit\n")
    done = linted(house)
    assert done.returncode == 1
    assert set(re.findall(r"- +([\w.]+) -> streamlit\b", done.stdout)) == {module(path) for path in outside}


def test_a_folder_without_a_floor_fails_the_check(house: Path) -> None:
    (house / "curator/attic").mkdir()
    (house / "curator/attic/__init__.py").touch()
    done = linted(house)
    assert done.returncode == 1
    assert "curator.attic" in done.stdout


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("pictures.crop", "formats.coco"),
        ("review.deck", "ingest.pipeline"),
        ("doubt.signals", "review.deck"),
        ("status", "app.frame"),
    ],
)
def test_an_import_from_a_higher_floor_or_the_same_fails_the_check(house: Path, lower: str, higher: str) -> None:
    with (house / f"curator/{lower.replace('.', '/')}.py").open("a") as file:
        file.write(f"\nimport curator.{higher}\n")
    done = linted(house)
    assert done.returncode == 1
    assert f"curator.{lower} -> curator.{higher}" in done.stdout
