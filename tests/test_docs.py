"""The docs say what is there."""

import re
from pathlib import Path

import pytest

from curator.formats import ADAPTERS
from db.settings import Settings

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_documented(field: str) -> None:
    assert f"| `WINNOW_{field.upper()}` |" in (ROOT / "docs/settings.md").read_text()


@pytest.mark.parametrize("adapter", [adapter.name for adapter in ADAPTERS])
def test_every_format_is_documented(adapter: str) -> None:
    assert f"| `{adapter}` |" in (ROOT / "docs/data-formats.md").read_text()


def mapped(page: str) -> list[str]:
    """The paths of the files in a map: a heading names a folder, and each row of its table begins with a file in it."""
    sections = re.split(r"^### `([^`]+)`.*$", page, flags=re.MULTILINE)[1:]
    files = [(folder, file) for folder, text in zip(sections[::2], sections[1::2], strict=True) for file in rows_of(text)]
    return [f"{folder.removeprefix('./')}{file}" for folder, file in files]


def rows_of(section: str) -> list[str]:
    return re.findall(r"^\| `([^`]+\.py)` \|", re.split(r"^## ", section, flags=re.MULTILINE)[0], flags=re.MULTILINE)


def test_the_map_names_every_file_by_its_path_and_no_other() -> None:
    files = [path for wing in ("curator", "trainer", "db") for path in (ROOT / wing).rglob("*.py")]
    there = {str(path.relative_to(ROOT)) for path in files if path.name != "__init__.py" and "versions" not in path.parts}
    told = mapped((ROOT / "docs/architecture.md").read_text())
    assert sorted(told) == sorted(there | {"streamlit_app.py"})


def test_a_map_is_read_by_whole_paths() -> None:
    table = "| `one.py` | it |\n| `b/two.py` | it |\n"
    page = f"### `a/`: words\n\n{table}\n### `./`\n\n| `three.py` | it |\n## End\n| `no.py` | it |"
    assert mapped(page) == ["a/one.py", "a/b/two.py", "three.py"]


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
