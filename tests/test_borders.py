"""What must not be loaded where: the app and the curator's commands work without TensorFlow."""

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
    """The import lines of a page, which is a script: its body would want a running app."""
    return "\n".join(line for line in path.read_text().splitlines() if line.startswith(("import ", "from ")))


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
