"""Settings from environment variables."""

import pytest
from pydantic import ValidationError

from db.settings import Limits, Settings


def test_by_default_the_settings_have_the_limits() -> None:
    assert Settings().limits == Limits()


def test_limits_come_from_the_environment_and_sizes_may_have_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"FILE_BYTES": "1MiB", "PIXELS": "2000", "ZIP_FILES": "30", "ZIP_BYTES": "4000", "ZIP_RATIO": "5"}
    for name, value in told.items():
        monkeypatch.setenv(f"WINNOW_MAX_{name}", value)
    limits = Settings().limits
    assert limits == Limits(file_bytes=2**20, pixels=2000, zip_members=30, zip_bytes=4000, zip_ratio=5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_file_bytes", 0),
        ("max_pixels", 0),
        ("max_pixels", 178_956_971),
        ("max_zip_files", 0),
        ("max_zip_bytes", 0),
        ("max_zip_ratio", 0),
    ],
)
def test_impossible_limits_are_refused(field: str, value: int) -> None:
    with pytest.raises(ValidationError, match=field):
        Settings.model_validate({field: value})
