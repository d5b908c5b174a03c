"""pyproject.toml declares what is imported, and constraints.txt pins what that brings, and nothing else."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines()]
OURS = {"benchmarks", "curator", "db", "tests", "trainer"}

# Declared, and used in another way than by an import.
NOT_IMPORTED = {
    "import-linter": "a command",
    "mypy": "a command",
    "pandas-stubs": "mypy reads it",
    "psycopg": "SQLAlchemy imports it for a postgresql:// URL",
    "pytest-timeout": "a plugin of pytest",
    "pytest-xdist": "a plugin of pytest",
    "ruff": "a command",
    "types-defusedxml": "mypy reads it",
}

# What pip asks on the platforms that a requirement's marker may name.
PLATFORMS = [
    {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system, "platform_system": name}
    for python in ("3.11", "3.12", "3.13")
    for system, name in (("linux", "Linux"), ("darwin", "Darwin"), ("win32", "Windows"))
]


def declared(*extras: str) -> set[str]:
    """The packages that Winnow itself requires, with the given extras and those that they name."""
    found = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    for extra in extras:
        for requirement in map(Requirement, EXTRAS[extra]):
            found |= declared(*requirement.extras) if requirement.name == "winnow" else {canonicalize_name(requirement.name)}
    return found


def imported(folder: str) -> set[str]:
    """The modules of other packages that a folder's Python files import, by their first name; "" is the root's own files."""
    found = set()
    for path in (ROOT / folder).rglob("*.py") if folder else ROOT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module))
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - OURS


def packages() -> dict[str, set[str]]:
    """The installed packages that hold each top-level module. By their files: dlib-bin's top_level.txt leaves out dlib."""
    found: dict[str, set[str]] = {}
    for package in distributions():
        name = canonicalize_name(package.name)
        for line in (package.read_text("RECORD") or "").splitlines():
            found.setdefault(re.split("[/.]", line, maxsplit=1)[0], set()).add(name)
    return found


PACKAGES = packages()


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("curator", ["cluster"]),
        ("trainer", []),
        ("db", ["cluster"]),
        ("tests", ["test"]),
        ("benchmarks", ["benchmarks"]),
    ],
)
def test_what_is_imported_is_declared(folder: str, extras: list[str]) -> None:
    modules = imported(folder)
    if folder == "benchmarks":
        modules.discard("pydensecrf")  # not installed for the tests
    missing = {name for name in modules if not PACKAGES.get(name, set()) & declared(*extras)}
    assert "numpy" in modules or folder == "db"
    assert missing == set()


def test_what_is_declared_is_used() -> None:
    used = {package for folder in {*OURS, ""} for name in imported(folder) for package in PACKAGES.get(name, set())}
    used |= {"pydensecrf2"} if "pydensecrf" in imported("benchmarks") else set()
    assert declared(*EXTRAS) - used == set(NOT_IMPORTED)


def needed(requirements: list[str], platforms: list[dict[str, str]]) -> set[str]:
    """All packages that requirements bring on any of the platforms; of one that isn't installed, only itself."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()  # a package, and the extra of it that was asked for ("" for none)
    left = [Requirement(line) for line in requirements]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        found.add(name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                left += [one for one in _requires(name) if _applies(one, extra, platforms)]
    return found - {"winnow"}


def _requires(name: str) -> Iterator[Requirement]:
    try:
        yield from map(Requirement, requires(name) or [])
    except PackageNotFoundError:
        return


def _applies(requirement: Requirement, extra: str, platforms: list[dict[str, str]]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({**one, "extra": extra}) for one in platforms)


def everything() -> list[str]:
    """Winnow's own requirements with those of every extra, as pyproject.toml has them (not as it was when installed)."""
    lines = [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]
    return [line for line in lines if Requirement(line).name != "winnow"]


def test_what_an_install_brings_is_pinned() -> None:
    assert needed(everything(), [{}]) - {canonicalize_name(pin.name) for pin in PINS} == set()


def test_nothing_else_is_pinned() -> None:
    assert {canonicalize_name(pin.name) for pin in PINS} - needed(everything(), PLATFORMS) == set()


def test_pins_are_exact_sorted_and_allowed() -> None:
    names = [pin.name for pin in PINS]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"==[^*]+", str(pin.specifier)) for pin in PINS)
    allowed = {canonicalize_name(one.name): one.specifier for one in map(Requirement, everything())}
    for pin in PINS:
        (version,) = (each.version for each in pin.specifier)
        assert Version(version) in allowed.get(canonicalize_name(pin.name), pin.specifier), pin.name
