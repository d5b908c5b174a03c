"""The home's secret: made once, for its owner only."""

from pathlib import Path

from db.secret import home_secret


def test_the_secret_is_made_once_and_differs_from_home_to_home(tmp_path: Path) -> None:
    made = home_secret(tmp_path / "home")
    assert home_secret(tmp_path / "home") == made == (tmp_path / "home" / "secret").read_bytes()
    assert (tmp_path / "home" / "secret").stat().st_mode & 0o777 == 0o600
    assert home_secret(tmp_path / "other") != made
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret"]
