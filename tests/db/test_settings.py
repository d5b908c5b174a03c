"""Settings from environment variables."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from db.errors import WinnowError
from db.session import open_database, reading, warn_of_open_home
from db.settings import Limits, Settings, read_settings, unknown_settings


def test_by_default_the_settings_have_the_limits() -> None:
    assert Settings().limits == Limits()


def test_limits_come_from_the_environment_and_sizes_may_have_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"FILE_BYTES": "1MiB", "PIXELS": "2000", "ZIP_FILES": "30", "ZIP_BYTES": "4000", "ZIP_RATIO": "5"}
    for name, value in told.items():
        monkeypatch.setenv(f"WINNOW_MAX_{name}", value)
    limits = Settings().limits
    assert limits == Limits(file_bytes=2**20, pixels=2000, zip_members=30, zip_bytes=4000, zip_ratio=5)


@pytest.mark.parametrize("name", ["a?b", "50%20", "a#b", "ü & x"])
def test_any_path_may_be_the_home(tmp_path: Path, name: str) -> None:
    settings = Settings(home=tmp_path / name)
    engine = open_database(settings)
    with reading(engine) as session:
        assert session.execute(select(1)).scalar_one() == 1
    engine.dispose()
    assert (tmp_path / name / "winnow.db").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_new_home_and_its_database_are_its_owners_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    engine = open_database(settings)
    with engine.begin() as connection:
        connection.execute(select(1))
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (settings.home, *settings.home.iterdir())}
    engine.dispose()
    assert modes.pop("home") == "0o700"
    assert set(modes) >= {"winnow.db", "winnow.db-wal"}
    assert set(modes.values()) == {"0o600"}


def test_a_group_goes_on_sharing_a_database_and_an_open_home_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(home=tmp_path / "home")
    open_database(settings).dispose()
    settings.home.chmod(0o770)
    (settings.home / "winnow.db").chmod(0o660)
    open_database(settings).dispose()
    assert oct((settings.home / "winnow.db").stat().st_mode & 0o777) == "0o660"
    warn_of_open_home(settings.home)
    assert caplog.text == ""
    settings.home.chmod(0o755)
    warn_of_open_home(settings.home)
    assert "Everybody on this machine can open the home folder" in caplog.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hosts", "*"),
        ("hosts", "winnow.example.com, *"),
        ("ingest_folders", "/"),
        ("ingest_folders", "/data, photos"),
        ("ingest_folders", "~/photos"),
        ("ingest_folders", "file:///data"),
        ("ingest_folders", "s3://"),
        ("ingest_folders", "https://ann:pw@example.org/sets"),
        ("open", "true"),
        ("max_file_bytes", 0),
        ("max_pixels", 0),
        ("max_pixels", 178_956_971),
        ("max_zip_files", 0),
        ("max_zip_bytes", 0),
        ("max_zip_ratio", 0),
        ("touchup_seconds", 0),
        ("memory_mb", 0),
        ("second_opinions", -0.01),
        ("second_opinions", 1.01),
        ("gold_share", -0.01),
        ("gold_share", 1.01),
        ("reviewer", ""),
        ("reviewer", "x" * 81),
    ],
)
def test_values_beyond_their_bounds_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Settings.model_validate({field: value})


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("max_pixels", [1, 178_956_970]),
        ("second_opinions", [0, 1]),
        ("gold_share", [0, 1]),
        ("reviewer", ["x", "x" * 80]),
        *((name, [1]) for name in ("max_file_bytes", "max_zip_files", "max_zip_bytes", "max_zip_ratio")),
        *((name, [1]) for name in ("touchup_seconds", "memory_mb")),
    ],
)
def test_the_bounds_themselves_are_allowed(field: str, values: list[object]) -> None:
    assert [getattr(Settings.model_validate({field: value}), field) for value in values] == values


def test_every_value_that_is_not_allowed_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TOUCHUP_SECONDS": "two minutes", "GOLD_SHARE": "7"}.items():
        monkeypatch.setenv(f"WINNOW_{name}", value)
    with pytest.raises(WinnowError) as error:
        read_settings()
    assert str(error.value) == (
        "WINNOW_TOUCHUP_SECONDS=two minutes is not allowed: Input should be a valid integer, unable to parse string as an "
        "integer. WINNOW_GOLD_SHARE=7 is not allowed: Input should be less than or equal to 1. docs/settings.md says what is."
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DB_URL", "hush", "it is no database URL that SQLAlchemy knows, such as postgresql://user@host/winnow"),
        ("DB_URL", "nosuch://ada:hush@host/winnow", "it is no database URL that SQLAlchemy knows, such as postgresql://user@"),
        ("STORE_URL", "nosuch://ada:hush@host/store", "Unsupported filesystem: 'nosuch'"),
        ("RUNS_URL", "nosuch://ada:hush@host/runs", "Unsupported filesystem: 'nosuch'"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"WINNOW_{name}", value)
    with pytest.raises(WinnowError) as error:
        read_settings()
    assert str(error.value).startswith(f"WINNOW_{name} is not allowed: {said}")
    assert "hush" not in str(error.value)


def test_a_misspelt_name_is_warned_of_with_the_nearest_right_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WINNOW_TOUCHUP_SECOND", "90")
    assert read_settings().touchup_seconds == 120
    assert [record.getMessage() for record in caplog.records] == [
        "WINNOW_TOUCHUP_SECOND is no setting of Winnow and changes nothing. Did you mean WINNOW_TOUCHUP_SECONDS?"
    ]


def test_right_names_and_those_of_other_programs_are_not_warned_of() -> None:
    assert unknown_settings(["WINNOW_HOME", "winnow_db_url", "WINNOW_REAL_DATA", "WINNOWED", "PATH"]) == []
    assert unknown_settings(["WINNOW_QQQQQQ"]) == [
        "WINNOW_QQQQQQ is no setting of Winnow and changes nothing. docs/settings.md lists all settings."
    ]


def test_several_places_may_be_ingested_from_a_page() -> None:
    settings = Settings(ingest_folders=" /data/incoming , s3://bucket/photos,https://example.org/sets/")
    assert settings.ingest_places == ["/data/incoming", "s3://bucket/photos", "https://example.org/sets/"]
