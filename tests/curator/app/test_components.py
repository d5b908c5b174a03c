"""The browser components: their scripts joined to one module, and checked and tested by JavaScript's own tools."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from curator.app.components import HERE, joined, scripts_of

ROOT = Path(__file__).parents[3]
COMPONENTS = sorted(path.stem for path in HERE.glob("*/*.js") if path.stem == path.parent.name)
TESTS = sorted(map(str, (ROOT / "tests/curator/app/components").glob("*.test.js")))
node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed; apt-get install nodejs")
tools = pytest.mark.skipif(
    not (ROOT / "node_modules").is_dir(), reason="eslint and TypeScript are not installed; npm install (see package.json)"
)


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
    assert re.findall(r"^(?:import|export)\b.*", script, re.MULTILINE) == re.findall(r"^export default .*", script, re.MULTILINE)
    assert script.count("\nexport default ") == 1


@node
@pytest.mark.parametrize("name", COMPONENTS)
def test_a_joined_component_is_a_module_without_a_name_declared_twice(name: str) -> None:
    run("node", "--check", "--input-type=module", "-", text=joined(scripts_of(HERE / name / f"{name}.js")))
