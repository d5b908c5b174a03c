"""Where a source is: a local path, or any URL that fsspec can open. The differences between the two stay in this module.

A URL may contain a password or a signature. It is used to open the URL, but rows, messages and logs get `display_name`, which
leaves it out.
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
from db.files import disk_full_errors, root
from db.settings import Limits

Location = Path | UPath

WEB_PROTOCOLS = ("http", "https")
JUNK = frozenset({".ds_store", "thumbs.db", "desktop.ini", "__macosx"})  # files that file managers create
ARCHIVE_PROTOCOLS = ("zip", "tar", "libarchive")  # fsspec would open these without any of our checks
CHUNK = 2**20
SNIFF_BYTES = 4096  # the start of a file, enough to recognise its format
CHAIN = re.compile(r"::(?![^\[]*\])")  # between chained URLs; not in the brackets of an address such as [::1]


def parse_location(source: str) -> Location:
    """The location of a path or URL. Raises WinnowError for a URL that can't be opened here; a path need not exist."""
    if "://" not in source:
        return Path(source)
    protocol = source.partition("://")[0].lower()
    if CHAIN.search(source) or protocol in ARCHIVE_PROTOCOLS:
        raise WinnowError(
            f"{without_secrets(source)} points inside another file. Give the URL of that file; Winnow unpacks zips itself."
        )
    try:
        get_filesystem_class(protocol)  # its error names the package that has to be installed
    except (ValueError, ImportError) as error:
        raise WinnowError(f"{without_secrets(source)} can't be opened here: {error}.") from None
    try:
        place = root(source)
        if not isinstance(place, Path):
            place.fs.invalidate_cache()  # this process may have an old listing
    except Exception as error:  # from any library; its text may contain the URL's secrets
        raise WinnowError(f"{without_secrets(source)} can't be opened here ({type(error).__name__}).") from None
    return place


def display_name(place: Location) -> str:
    """The location as text for rows, messages and logs: without a URL's secrets."""
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
    """Whether a location is a web address with a query: its signature opens this one file and no other."""
    return not isinstance(place, Path) and place.protocol in WEB_PROTOCOLS and "?" in str(place)


def is_folder(place: Location) -> bool:
    """Whether a location is a folder. On the web, its address ends in a slash: asking the server would download the file."""
    if not isinstance(place, Path) and place.protocol in WEB_PROTOCOLS:
        return str(place).endswith("/")
    return place.is_dir()


def files_in(folder: Location, ending: str) -> list[Location]:
    """The files directly in a folder whose names have an ending such as `.json`, sorted; empty if there is no such folder."""
    if not is_folder(folder):
        return []
    return sorted((entry for entry in folder.iterdir() if entry.suffix.lower() == ending), key=str)


def subfolders(folder: Location) -> list[Location]:
    """The folders directly in a folder, sorted by name."""
    if isinstance(folder, Path):
        with os.scandir(folder) as entries:  # tells folders from files without a system call for each entry
            return sorted(folder / entry.name for entry in entries if entry.is_dir())
    listed = folder.fs.ls(folder.path, detail=True)
    names = (posixpath.basename(entry["name"].rstrip("/")) for entry in listed if entry["type"] == "directory")
    return [folder / f"{name}/" for name in sorted(names)]


def subfolder(location: Location, *names: str) -> Location | None:
    """The folder inside a location with one of these lower-case names, in any case; None if there is none."""
    return next((entry for entry in subfolders(location) if last_name(entry).lower() in names), None)


def list_files(folder: Location) -> list[str]:
    """The names of all files below a folder, relative to it, with slashes, sorted; without the junk of file managers."""
    names = _list_local(str(folder)) if isinstance(folder, Path) else _list_remote(folder)
    return sorted(name for name in names if not is_junk(name))


def _list_remote(folder: UPath) -> Iterator[str]:
    return (_path_below(path, folder) for path in folder.fs.find(folder.path))  # one listing for all files


def _list_local(folder: str, above: str = "") -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _list_local(entry.path, f"{above}{entry.name}/")
            elif entry.is_file():
                yield above + entry.name


def file_below(folder: Location, name: str) -> Location:
    """The file with a name from `list_files`."""
    return folder / (name if isinstance(folder, Path) or folder.protocol not in WEB_PROTOCOLS else quote(name))


def relative_path(place: Location, folder: Location) -> PurePath:
    """The path from a folder to a location inside it. Raises ValueError for a local path outside it."""
    if isinstance(place, Path) or isinstance(folder, Path):
        return PurePath(str(place)).relative_to(str(folder))
    return PurePosixPath(_path_below(place.path, folder))


def _path_below(path: str, folder: UPath) -> str:
    way = path.removeprefix(folder.path.rstrip("/")).strip("/")
    return unquote(way) if folder.protocol in WEB_PROTOCOLS else way


def last_name(place: Location) -> str:
    """The last part of a location, with or without a slash after it."""
    return place.name if isinstance(place, Path) else PurePosixPath(place.path).name


def is_junk(name: str) -> bool:
    """Whether a relative name is of a file that a file manager created, which nobody meant to send."""
    return any(part.lower() in JUNK or part.startswith("._") for part in name.split("/"))


class FileLookup:
    """Finds the files that a source's list names, only inside its own folder. A folder behind a URL is listed once."""

    def __init__(self, base: Location) -> None:
        self.base = base
        self.real = base.resolve() if isinstance(base, Path) else base
        self.listed: dict[str, set[str]] = {}

    def find(self, named: str) -> Location | None:
        """The location of a name relative to the folder; None if it points outside it or can't be a file's name."""
        plain = posixpath.normpath(named.replace("\\", "/"))
        if not named or "\0" in named:
            return None
        if isinstance(self.real, Path):
            try:
                path = (self.real / plain).resolve()
            except (OSError, RuntimeError, ValueError):  # circular links, lone surrogates
                return None
            return path if path.is_relative_to(self.real) else None
        if plain.startswith(("/", "../")) or plain in (".", "..") or ":" in plain.partition("/")[0]:
            return None
        return file_below(self.base, plain)

    def exists(self, place: Location) -> bool:
        """Whether there is a file at a location."""
        if isinstance(place, Path):
            try:
                return place.is_file()
            except OSError:
                return False  # a name that is too long for the file system
        folder = str(place.parent)
        if folder not in self.listed:
            try:
                entries = place.fs.ls(place.parent.path, detail=True)
                self.listed[folder] = {entry["name"] for entry in entries if entry["type"] == "file"}
            except (OSError, ValueError):
                self.listed[folder] = set()  # many web servers list nothing
        return place.path in self.listed[folder] or place.is_file()


def download(place: UPath, folder: Path, limits: Limits) -> Path:
    """Copy a file behind a URL into a folder. Raises WinnowError if it exceeds `limits.zip_bytes` or the disk is full."""
    copy = folder / (posixpath.basename(urlsplit(without_secrets(str(place))).path) or "download")
    left = limits.zip_bytes
    with disk_full_errors(copy), place.open("rb") as there, copy.open("wb") as here:
        while chunk := there.read(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise WinnowError(f"{display_name(place)} has more than the {limits.zip_bytes:,} bytes that are allowed.")
            here.write(chunk)
    return copy


def read_upload(place: Location, limits: Limits) -> bytes:
    """A photo's or mask's bytes. Raises WinnowError like `read_bytes`, and for every error of a URL's library."""
    if isinstance(place, Path):
        return read_bytes(place, limits)
    try:
        return read_bytes(place, limits)
    except WinnowError:
        raise
    except Exception as error:  # each kind of URL has errors of its own, from optional libraries
        raise WinnowError(f"the file can't be read ({type(error).__name__}).") from None


@contextmanager
def readable_errors(place: Location) -> Iterator[None]:
    """Turn every error of reading a URL, and OSErrors of local files, into a WinnowError without the URL's secrets."""
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
    """Write a file of an export, creating the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
