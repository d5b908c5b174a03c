"""The Dockerfile and compose.yaml, as far as they can be checked where Docker cannot run."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from db.settings import Settings
from db.store import Store
from tests.test_wheel import ROOT, build, tracked

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def instructions(name: str) -> list[str]:
    """What stands behind each instruction of that name in the Dockerfile."""
    return [line.removeprefix(f"{name} ").strip() for line in DOCKERFILE if line.startswith(f"{name} ")]


def copied() -> list[str]:
    """The paths that the Dockerfile takes from the checkout."""
    return [path for line in instructions("COPY") if not line.startswith("--from=") for path in shlex.split(line)[:-1]]


@pytest.mark.parametrize("path", copied())
def test_what_is_copied_is_tracked_and_not_ignored(path: str) -> None:
    assert (ROOT / path).exists()
    assert (
        subprocess.run(["git", "ls-files", "--error-unmatch", path], cwd=ROOT, capture_output=True, check=False).returncode == 0
    )
    assert f"!{path.rstrip('/')}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_nothing_else_enters_the_build() -> None:
    first, *others = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    assert {line for line in others if line.startswith("!")} == {f"!{path.rstrip('/')}" for path in copied()}


def test_the_wheel_of_what_is_copied_is_whole(tmp_path: Path) -> None:
    def names(folder: str, *paths: str) -> set[str]:
        for name in tracked(*paths):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / folder / name)
        return set(zipfile.ZipFile(build(tmp_path / folder, "wheel", tmp_path / folder)).namelist())

    assert names("copied", *copied()) == names("checkout")


def test_the_image_runs_the_app_for_a_user_without_rights() -> None:
    user = instructions("USER")[-1]
    assert user not in ("root", "0")
    assert any(f"useradd --uid 10001 --create-home {user}" in line for line in instructions("RUN"))
    assert json.loads(instructions("CMD")[-1]) == ["winnow", "app", "--address", "0.0.0.0"]
    assert "/healthz" in instructions("HEALTHCHECK")[-1]
    assert len(instructions("FROM")) == 2


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched(name: str) -> None:
    service = SERVICES[name]
    after = [other["depends_on"].get(name, {}) for other in SERVICES.values() if "depends_on" in other]
    ends = {"condition": "service_completed_successfully"} in after
    inherits = "build" in service and bool(instructions("HEALTHCHECK"))
    assert ends or inherits or service["healthcheck"]["test"][0] == "CMD"
    if not ends:
        assert service["restart"] == "unless-stopped"


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"app": ["127.0.0.1:8501:8501"]}
    assert not any("network_mode" in service for service in SERVICES.values())


def test_what_must_last_is_on_a_volume() -> None:
    mounted = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"]) == {"home", "database", "pictures"}
    assert SERVICES["app"]["volumes"] == [f"home:{instructions('VOLUME')[-1]}"]


def test_secrets_come_from_the_environment_and_are_documented() -> None:
    text = (ROOT / "compose.yaml").read_text()
    wanted = set(re.findall(r"\$\{(\w+):\?", text))
    assert wanted == {"POSTGRES_PASSWORD", "S3_SECRET_KEY"}
    assert all(name in (ROOT / "docs/scaling.md").read_text() for name in wanted)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert "${" in value or not re.search("PASSWORD|SECRET|DB_URL", name), name
    ignored = subprocess.run(["git", "check-ignore", ".env"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout == ".env\n"


def test_the_app_is_given_settings_that_there_are() -> None:
    given = {name for name in SERVICES["app"]["environment"] if name.startswith("WINNOW_")}
    assert given == {"WINNOW_DB_URL", "WINNOW_STORE_URL", "WINNOW_RUNS_URL", "WINNOW_OPEN", "WINNOW_HOSTS"}
    assert {name.removeprefix("WINNOW_").lower() for name in given} < set(Settings.model_fields)


def test_the_servers_keys_are_the_apps() -> None:
    (identity,) = json.loads(COMPOSE["configs"]["s3"]["content"])["identities"]
    (credentials,) = identity["credentials"]
    for service in ("app", "bucket"):
        environment = SERVICES[service]["environment"]
        assert environment["AWS_ACCESS_KEY_ID"] == credentials["accessKey"]
        assert environment["AWS_SECRET_ACCESS_KEY"] == credentials["secretKey"]


def test_the_bucket_is_made_at_the_first_start_and_kept_at_the_next(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket: dict[str, Any] = SERVICES["bucket"]
    for name, value in {**bucket["environment"], "AWS_ENDPOINT_URL": s3_server}.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, *bucket["command"][1:]]
    subprocess.run(command, env=os.environ, check=True)
    store = Store(SERVICES["app"]["environment"]["WINNOW_STORE_URL"])
    sha256 = store.put(b"a picture")
    subprocess.run(command, env=os.environ, check=True)
    assert store.get(sha256) == b"a picture"
