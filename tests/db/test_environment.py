"""An OpenCV damaged by another OpenCV package is recognised."""

import re
from pathlib import Path
from types import SimpleNamespace

import cv2

from db.environment import CONTRIB, opencv_fault

ROOT = Path(__file__).parents[2]
REPAIR = (
    "another OpenCV package was installed over it. Repair it with: "
    "python -m pip uninstall -y opencv-python opencv-python-headless opencv-contrib-python && "
    "python -m pip install --force-reinstall --no-deps opencv-contrib-python-headless"
)


def whole() -> SimpleNamespace:
    return SimpleNamespace(
        img_hash=SimpleNamespace(pHash=None, blockMeanHash=None),
        ximgproc=SimpleNamespace(guidedFilter=None, createSuperpixelSLIC=None),
    )


def test_the_installed_opencv_and_a_whole_one_have_no_fault() -> None:
    assert opencv_fault(cv2) is None
    assert opencv_fault(whole()) is None


def test_modules_emptied_by_another_opencv_are_named_with_the_repair() -> None:
    # opencv-python-headless 4.14 and 5.0 over opencv-contrib-python-headless 5.0 leave both modules, without any function.
    overwritten = SimpleNamespace(img_hash=SimpleNamespace(), ximgproc=SimpleNamespace())
    assert opencv_fault(overwritten) == f"OpenCV lacks its contrib modules (img_hash, ximgproc): {REPAIR}"


def test_an_opencv_whose_files_were_removed_lacks_both_modules() -> None:
    # What is left after the other package is uninstalled: a namespace without anything in it.
    assert opencv_fault(SimpleNamespace()) == f"OpenCV lacks its contrib modules (img_hash, ximgproc): {REPAIR}"


def test_one_missing_function_is_a_fault() -> None:
    damaged = whole()
    del damaged.ximgproc.guidedFilter
    assert opencv_fault(damaged) == f"OpenCV lacks its contrib modules (ximgproc): {REPAIR}"


def test_every_contrib_function_that_the_code_calls_is_checked() -> None:
    code = "".join(file.read_text() for folder in ("curator", "trainer") for file in (ROOT / folder).rglob("*.py"))
    called = set(re.findall(r"cv2\.(img_hash|ximgproc)\.(\w+)\(", code))
    assert called == {(module, function) for module, functions in CONTRIB.items() for function in functions}
