"""The wheel, built and installed as a person would, but into an environment that borrows this one's other packages."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LAUNCHER = Path("curator/app/launcher")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def tracked(*folders: str) -> list[str]:
    """The files of the checkout that git knows or would take in, not its build outputs."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).exists()]


def build(source: Path, what: str, into: Path) -> Path:
    """Build an sdist or a wheel of a folder, offline; the file."""
    code = f"from setuptools import build_meta; build_meta.build_{what}({str(into)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, check=True)
    (file,) = into.glob("*.tar.gz" if what == "sdist" else "*.whl")
    return file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, which is built from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("build")
    for name in tracked():
        (folder / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "checkout" / name)
    with tarfile.open(build(folder / "checkout", "sdist", folder)) as sdist:
        sdist.extractall(folder, filter="data")
    return build(folder / f"winnow-{PROJECT['version']}", "wheel", folder)


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a fresh environment with the wheel in it; all other packages are this environment's."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    where = {"base": str(environment), "platbase": str(environment)}
    binaries, packages = (Path(sysconfig.get_path(name, "venv", where)) for name in ("scripts", "purelib"))
    python = binaries / Path(sys.executable).name
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return binaries


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who knows nothing of the checkout, and whose home folder is empty."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STREAMLIT_", "WINNOW_"))}
    (tmp_path / "folder").mkdir()
    return {**kept, "HOME": str(tmp_path / "folder"), "WINNOW_HOME": str(tmp_path / "home")}


@pytest.fixture
def run(binaries: Path, elsewhere: dict[str, str]) -> Run:
    """Runs an installed command in an empty folder."""

    def run(command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [binaries / command, *arguments], cwd=elsewhere["HOME"], env=elsewhere, capture_output=True, text=True, check=True
        )

    return run


def test_the_wheel_holds_every_file_of_the_packages_and_the_launcher(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        assert packed.read(str(LAUNCHER / "streamlit_app.py")) == (ROOT / "streamlit_app.py").read_bytes()
        assert packed.read(str(LAUNCHER / ".streamlit/config.toml")) == (ROOT / ".streamlit/config.toml").read_bytes()
    files = [file for file in tracked("curator", "trainer", "db") if not file.endswith(".d.ts")]  # for checks, not for browsers
    assert "db/migrations/script.py.mako" in files
    assert set(files) - names == set()
    assert {name.partition("/")[0] for name in names} == {"curator", "trainer", "db", f"winnow-{PROJECT['version']}.dist-info"}
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


@pytest.mark.parametrize("command", ["winnow", "winnow-train"])
def test_each_command_says_the_version_of_pyproject(run: Run, command: str) -> None:
    assert run(command, "--version").stdout == f"Winnow {PROJECT['version']}\n"


def test_winnow_has_the_curators_commands_and_app(run: Run) -> None:
    there = run("winnow", "--help").stdout
    assert all(f" {command} " in there for command in ("app", "ingest", "decide", "freeze", "export", "erase", "check"))
    assert "0 examples" in run("winnow", "status").stdout  # the migrations are there, and run
    assert " fit " in run("winnow-train", "--help").stdout


def test_the_modules_are_the_wheels_own(run: Run, binaries: Path) -> None:
    where = run(Path(sys.executable).name, "-c", "import curator, trainer, db; print(curator, trainer, db)").stdout
    assert where.count(str(binaries.parent)) == 3


@contextmanager
def started(binaries: Path, environment: dict[str, str], *arguments: str) -> Iterator[int]:
    """`winnow app` in an empty folder, waited for; the port it listens on. What it prints goes into the file `log` beside."""
    port = free_port()
    log = Path(environment["HOME"]).with_name("log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [binaries / "winnow", "app", "--port", str(port), *arguments],
            cwd=environment["HOME"],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while not answers("localhost", port, "/healthz"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(15)


def answers(host: str, port: int, path: str) -> str:
    """The content type of an answer of the app, asked at one of this machine's addresses; "" where there is no answer."""
    request = urllib.request.Request(f"http://{host}:{port}{path}", headers={"Host": f"localhost:{port}"})
    with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200
        return str(answer.headers["content-type"])
    return ""


def test_winnow_app_serves_localhost_alone(binaries: Path, elsewhere: dict[str, str]) -> None:
    loose = Path(elsewhere["HOME"], ".streamlit/config.toml")
    loose.parent.mkdir()
    loose.write_text('[server]\naddress = "0.0.0.0"\n')
    with started(binaries, {**elsewhere, "STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}) as port:
        assert answers("127.0.0.1", port, "/").startswith("text/html")
        assert answers("127.0.0.1", port, "/healthz").startswith("application/json")
        assert answers("127.0.0.2", port, "/") == ""
    assert Path(elsewhere["WINNOW_HOME"], "winnow.db").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the addresses 127.0.0.2 and on")
def test_winnow_app_serves_another_address_when_told_to(binaries: Path, elsewhere: dict[str, str]) -> None:
    told = {**elsewhere, "STREAMLIT_SERVER_HEADLESS": "true", "WINNOW_OPEN": "yes"}
    with started(binaries, told, "--address", "0.0.0.0") as port:
        assert answers("127.0.0.2", port, "/").startswith("text/html")
    printed = Path(elsewhere["HOME"]).with_name("log").read_text()
    assert re.findall(r"\bhttp\S+", printed) == [f"http://localhost:{port}"]  # and nobody was asked for another address
    assert "external IP" not in printed


def test_the_first_page_runs_and_has_the_theme(binaries: Path, elsewhere: dict[str, str], browser: Browser) -> None:
    theme = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["theme"]
    with started(binaries, elsewhere) as port:
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme)
            page.goto(f"http://localhost:{port}/")
            expect(page.get_by_role("link", name="Ingest 0")).to_be_visible(timeout=30_000)
            expect(page.get_by_test_id("stApp")).to_have_css("background-color", rgb(theme[scheme]["backgroundColor"]))
            expect(page.get_by_test_id("stApp")).to_have_css("color", rgb(theme[scheme]["textColor"]))
            expect(page.get_by_test_id("stException")).to_have_count(0)
            page.close()


def rgb(colour: str) -> str:
    """`#fbfaf8` as CSS computes it."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgb({red}, {green}, {blue})"
