"""Where a source lies: a path, or whatever fsspec can open by a URL. What differs between the two is kept here.

A URL may carry a password or a signature. It is opened with it, and `display_name` without it: in rows, messages and logs.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from fsspec import get_filesystem_class
from upath import UPath

from curator.pictures.opening import read_bytes
from db.errors import WinnowError
from db.files import root, told_when_full
from db.settings import Limits

Location = Path | UPath

WEB_PROTOCOLS = ("http", "https")
JUNK = frozenset({".ds_store", "thumbs.db", "desktop.ini", "__macosx"})  # what file managers leave behind
ARCHIVE_PROTOCOLS = ("zip", "tar", "libarchive")  # fsspec would open them without a look at what is in them
CHUNK = 2**20
CHAIN = re.compile(r"::(?![^\[]*\])")  # between chained URLs; not in the brackets of an address such as [::1]


def parse_location(source: str) -> Location:
    """The place that a path or URL names. Raises WinnowError for a URL of a kind that can't be opened here."""
    if "://" not in source:
        return Path(source)
    protocol = source.partition("://")[0].lower()
    if CHAIN.search(source) or protocol in ARCHIVE_PROTOCOLS:
        raise WinnowError(f"{without_secrets(source)} leads into another file. Name that itself: a zip is unpacked here.")
    try:
        get_filesystem_class(protocol)  # what has to be installed for it is said now
    except (ValueError, ImportError) as error:
        raise WinnowError(f"{without_secrets(source)} can't be opened here: {error}.") from None
    try:
        place = root(source)
        if not isinstance(place, Path):
            place.fs.invalidate_cache()  # a listing that this process made earlier may be of yesterday
    except Exception as error:  # of whatever library opens this kind; its words may spell out the URL
        raise WinnowError(f"{without_secrets(source)} can't be opened here ({type(error).__name__}).") from None
    return place


def display_name(place: Location) -> str:
    """The place as it is named in rows, messages and logs."""
    return str(place) if isinstance(place, Path) else without_secrets(str(place))


def without_secrets(source: str) -> str:
    """A path or URL without user, password, query and fragment.

    >>> without_secrets("https://ann:pw@example.org/a.zip?signature=1")
    'https://example.org/a.zip'
    """
    if "://" not in source:
        return source
    if CHAIN.search(source):
        return "::".join(without_secrets(each) for each in CHAIN.split(source))
    try:
        parts = urlsplit(source)
    except ValueError:
        return f"{source.partition('://')[0]}://..."
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_signed(place: Location) -> bool:
    """Whether a place is a link with a query: such a link opens this one file, and nothing beside it."""
    return not isinstance(place, Path) and place.protocol in WEB_PROTOCOLS and "?" in str(place)


def is_folder(place: Location) -> bool:
    """Whether a place is a folder. On the web its address ends in a slash: to ask would download what it is."""
    if not isinstance(place, Path) and place.protocol in WEB_PROTOCOLS:
        return str(place).endswith("/")
    return place.is_dir()


def files_in(folder: Location, ending: str) -> list[Location]:
    """The files right in a folder whose names have an ending such as `.json`, in the order of names; none where it isn't."""
    if not is_folder(folder):
        return []
    return sorted((entry for entry in folder.iterdir() if entry.suffix.lower() == ending), key=str)


def subfolders(folder: Location) -> list[Location]:
    """The folders right in a folder, in the order of names."""
    if isinstance(folder, Path):
        with os.scandir(folder) as entries:  # knows folders without a question for each of its files
            return sorted(folder / entry.name for entry in entries if entry.is_dir())
    listed = folder.fs.ls(folder.path, detail=True)
    names = (posixpath.basename(entry["name"].rstrip("/")) for entry in listed if entry["type"] == "directory")
    return [folder / f"{name}/" for name in sorted(names)]


def subfolder(location: Location, *names: str) -> Location | None:
    """The folder of one of these names inside a location, however its case is written; None where there is none."""
    return next((entry for entry in subfolders(location) if last_name(entry).lower() in names), None)


def list_files(folder: Location) -> list[str]:
    """The name of every file below a folder, relative to it and with slashes, in order; junk is left out."""
    names = _list_local(str(folder)) if isinstance(folder, Path) else _list_remote(folder)
    return sorted(name for name in names if not is_junk(name))


def _list_remote(folder: UPath) -> Iterator[str]:
    return (_path_below(path, folder) for path in folder.fs.find(folder.path))  # one listing, not a question a file


def _list_local(folder: str, above: str = "") -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _list_local(entry.path, f"{above}{entry.name}/")
            elif entry.is_file():
                yield above + entry.name


def file_below(folder: Location, name: str) -> Location:
    """The file of a name that `list_files` gave."""
    return folder / (name if isinstance(folder, Path) or folder.protocol not in WEB_PROTOCOLS else quote(name))


def relative_path(place: Location, folder: Location) -> PurePath:
    """The way from a folder to a place in it."""
    if isinstance(place, Path) or isinstance(folder, Path):
        return PurePath(str(place)).relative_to(str(folder))
    return PurePosixPath(_path_below(place.path, folder))


def _path_below(path: str, folder: UPath) -> str:
    way = path.removeprefix(folder.path.rstrip("/")).strip("/")
    return unquote(way) if folder.protocol in WEB_PROTOCOLS else way


def last_name(place: Location) -> str:
    """The last part of a place, though a slash may follow it."""
    return place.name if isinstance(place, Path) else PurePosixPath(place.path).name


def is_junk(name: str) -> bool:
    """Whether a relative name is of something that a file manager left behind: nobody meant to send it."""
    return any(part.lower() in JUNK or part.startswith("._") for part in name.split("/"))


class FileLookup:
    """The files that a source's list may name: those in its own folder. A folder behind a URL is listed once."""

    def __init__(self, base: Location) -> None:
        self.base = base
        self.real = base.resolve() if isinstance(base, Path) else base
        self.listed: dict[str, set[str]] = {}

    def find(self, named: str) -> Location | None:
        """The place of a name, relative to the folder; None for one that lies outside, or no name of a file."""
        plain = posixpath.normpath(named.replace("\\", "/"))
        if not named or "\0" in named:
            return None
        if isinstance(self.real, Path):
            try:
                path = (self.real / plain).resolve()
            except (OSError, RuntimeError, ValueError):  # links in a circle, half a character
                return None
            return path if path.is_relative_to(self.real) else None
        if plain.startswith(("/", "../")) or plain in (".", "..") or ":" in plain.partition("/")[0]:
            return None
        return file_below(self.base, plain)

    def exists(self, place: Location) -> bool:
        """Whether a file is there."""
        if isinstance(place, Path):
            try:
                return place.is_file()
            except OSError:
                return False  # a name that is too long for the disk is on no disk
        folder = str(place.parent)
        if folder not in self.listed:
            try:
                entries = place.fs.ls(place.parent.path, detail=True)
                self.listed[folder] = {entry["name"] for entry in entries if entry["type"] == "file"}
            except (OSError, ValueError):
                self.listed[folder] = set()  # many a web server lists nothing
        return place.path in self.listed[folder] or place.is_file()


def download(place: UPath, folder: Path, limits: Limits) -> Path:
    """A file behind a URL as one in a folder. Raises WinnowError for one that is larger than a zip unpacked may be."""
    copy = folder / (posixpath.basename(urlsplit(without_secrets(str(place))).path) or "download")
    left = limits.zip_bytes
    with told_when_full(copy), place.open("rb") as there, copy.open("wb") as here:
        while chunk := there.read(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise WinnowError(f"{display_name(place)} has more than the {limits.zip_bytes:,} bytes that are allowed.")
            here.write(chunk)
    return copy


def read_upload(place: Location, limits: Limits) -> bytes:
    """A photo's or mask's bytes. Raises WinnowError like `read_bytes`, whatever goes wrong on the way from a URL."""
    if isinstance(place, Path):
        return read_bytes(place, limits)
    try:
        return read_bytes(place, limits)
    except WinnowError:
        raise
    except Exception as error:  # each kind of URL has errors of its own, from libraries that need not be installed
        raise WinnowError(f"the file can't be read ({type(error).__name__}).") from None


@contextmanager
def readable_errors(place: Location) -> Iterator[None]:
    """Raises WinnowError, without the URL's secrets, for whatever goes wrong while a place behind a URL is read."""
    try:
        yield
    except WinnowError:
        raise
    except Exception as error:
        if isinstance(place, Path):
            if isinstance(error, OSError) and error.filename is not None:
                raise WinnowError(f"{error.filename} can't be read ({error.strerror}).") from None
            raise
        why = f"{error}" if isinstance(error, ImportError) else type(error).__name__
        raise WinnowError(f"{display_name(place)} can't be read ({why}).") from None


def write_file(path: Path, data: bytes) -> None:
    """Write a file of an export, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
