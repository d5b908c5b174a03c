"""The frame around every page."""

from pathlib import Path

import cv2
import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[3]


def test_a_damaged_opencv_is_shown_with_its_repair_instead_of_any_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    monkeypatch.delattr(cv2.img_hash, "pHash")
    page = AppTest.from_file(ROOT / "curator/app/main.py").run()
    assert [error.value.partition(":")[0] for error in page.error] == ["OpenCV lacks its contrib modules (img_hash)"]
    assert "opencv-contrib-python-headless" in page.error[0].value
    assert not page.exception
    assert not (tmp_path / "home").exists()  # no page was run: the database was not opened
