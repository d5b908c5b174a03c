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


def test_every_file_of_the_house_is_on_the_map() -> None:
    told = (ROOT / "docs/architecture.md").read_text()
    files = [path for wing in ("curator", "trainer", "db") for path in (ROOT / wing).rglob("*.py")]
    missing = [
        str(path.relative_to(ROOT))
        for path in files
        if path.name != "__init__.py" and "versions" not in path.parts and f"`{path.name}`" not in told
    ]
    assert missing == []


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
