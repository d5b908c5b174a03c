"""Where a source is: a local path, or any URL that fsspec can open. The differences between the two stay in this module.

A URL may contain a password or a signature. It is used to open the URL, but rows, messages and logs get `display_name`, which
leaves it out.
"""

import logging
import os
import posixpath
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from fsspec import get_filesystem_class
from upath import UPath

from curator.pictures.opening import open_regular, read_bytes
from db.errors import WinnowError
from db.files import disk_full_errors, root
from db.jobs import Cancelled
from db.settings import Limits

Location = Path | UPath

WEB_PROTOCOLS = ("http", "https")
JUNK = frozenset({".ds_store", "thumbs.db", "desktop.ini", "__macosx"})  # files that file managers create
JUNK_ENDINGS = (".aae", ".xmp", ".thm")  # of files that cameras and photo programs write beside a photo
ARCHIVE_PROTOCOLS = ("zip", "tar", "libarchive")  # fsspec would open these without any of our checks
CHUNK = 2**20
SNIFF_BYTES = 4096  # the start of a file, enough to recognise its format
LIST_BYTES = 512 * 2**20  # of one list or export; as Python's objects it takes several times that
MAX_DEPTH = 64  # folders inside each other
FOLDERS_NAMED = 6  # in which a file was looked for
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
_log = logging.getLogger(__name__)

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
            _list_remote.cache_clear()
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


def files_in(folder: Location, ending: str, source: Location) -> list[Location]:
    """The files directly in a folder of a source whose names have an ending such as `.json`, sorted; empty without a folder."""
    if not is_folder(folder):
        return []
    if isinstance(folder, Path):
        real = os.path.realpath(str(source))
        with os.scandir(folder) as entries:
            wanted = (entry for entry in entries if Path(entry.name).suffix.lower() == ending)
            return sorted((folder / entry.name for entry in wanted if _is_file(entry, real)), key=str)
    return sorted((entry for entry in folder.iterdir() if entry.suffix.lower() == ending and entry.is_file()), key=str)


def is_link(folder: Location, source: Location) -> bool:
    """Whether a folder beside a list is a link, in a source that is a folder: nothing in there may send us elsewhere."""
    return isinstance(folder, Path) and folder != source and is_folder(source) and folder.is_symlink()


def file_in(folder: Location, name: str, source: Location) -> Location | None:
    """The file of that name directly in a folder of a source; None if there is none, or a link that leads out of the source."""
    place = folder / name
    if not place.is_file() or (isinstance(place, Path) and not place.resolve().is_relative_to(os.path.realpath(str(source)))):
        return None
    return place


def subfolders(folder: Location) -> list[Location]:
    """The folders directly in a folder, sorted by name; without links."""
    if isinstance(folder, Path):
        with os.scandir(folder) as entries:  # tells folders from files without a system call for each entry
            return sorted(folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    listed = folder.fs.ls(folder.path, detail=True)
    names = (posixpath.basename(entry["name"].rstrip("/")) for entry in listed if entry["type"] == "directory")
    return [folder / f"{name}/" for name in sorted(names)]


def subfolder(location: Location, *names: str) -> Location | None:
    """The folder inside a location with one of these lower-case names, in any case; None if there is none."""
    return next((entry for entry in subfolders(location) if last_name(entry).lower() in names), None)


def list_files(folder: Location, source: Location) -> list[str]:
    """The names of all files below a folder of a source, relative to it, with slashes, sorted.

    Without the junk of file managers, and without what `passed_over` names.
    """
    names = _list_local(folder, source) if isinstance(folder, Path) else _list_remote(folder)
    return sorted(name for name in names if not is_junk(name))


def all_files(source: Location) -> Iterator[str]:
    """The names of all files below a folder, relative to it: with the junk of file managers, without what is passed over."""
    return _list_local(source, source) if isinstance(source, Path) else iter(_list_remote(source))


def passed_over(source: Path) -> Iterator[tuple[str, str]]:
    """What is read of no local folder: the name relative to it, and why; sorted.

    These are links to folders, links that lead out of the folder or nowhere, pipes, sockets and devices, folders that can't be
    read, and those inside more than MAX_DEPTH others.
    """
    found = ((name, why) for name, why in _walk(source, os.path.realpath(str(source))) if why and not is_junk(name))
    yield from sorted(found)


@lru_cache(maxsize=4)  # every format looks at it, and a bucket lists a thousand names at a time
def _list_remote(folder: UPath) -> tuple[str, ...]:
    return tuple(_path_below(path, folder) for path in folder.fs.find(folder.path))  # one listing for all files


def _list_local(folder: Path, source: Location) -> Iterator[str]:
    return (name for name, why in _walk(folder, os.path.realpath(str(source))) if not why)


def _walk(folder: Path, source: str) -> Iterator[tuple[str, str]]:
    """Everything below a folder but folders, with why it is not read; empty if it is. `source` has no links.

    Raises OSError if the folder itself can't be read.
    """
    above = [("", 0)]  # folders, relative, and how many lie around them; no recursion, which would end at a thousand
    while above:
        inner, depth = above.pop()
        try:
            with os.scandir(os.path.join(folder, inner)) as entries:  # noqa: PTH118 - a Path for each takes much longer
                for entry in entries:
                    name = inner + entry.name
                    if not entry.is_dir(follow_symlinks=False):
                        yield name, _why_not_read(entry, source)
                    elif depth < MAX_DEPTH:
                        above.append((f"{name}/", depth + 1))
                    else:
                        yield name, f"this folder lies inside {depth:,} others; {MAX_DEPTH} are allowed."
        except OSError as error:
            if not inner:
                raise
            yield inner, f"this folder can't be read ({error.strerror})."


def _is_file(entry: "os.DirEntry[str]", source: str) -> bool:
    return not entry.is_dir(follow_symlinks=False) and not _why_not_read(entry, source)


def _why_not_read(entry: "os.DirEntry[str]", source: str) -> str:
    """Why what is no folder is not read; empty for a file, and for a link to a file inside the source."""
    if entry.is_file(follow_symlinks=False):
        return ""
    try:
        kind = stat.S_IFMT(entry.stat().st_mode)
    except OSError:
        return "it is a link that leads nowhere."
    if kind == stat.S_IFDIR:
        return "it is a link to a folder, which is not followed. Put the folder itself there."
    if kind != stat.S_IFREG:
        return f"it is {KINDS.get(kind, 'something special')}, not a file."
    if not Path(entry.path).resolve().is_relative_to(source):
        return "it is a link that leads out of the source, and was not followed."
    return ""


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
    """Whether a relative name is of a file that a file manager or a camera created, which nobody meant to send."""
    return name.lower().endswith(JUNK_ENDINGS) or any(part.lower() in JUNK or part.startswith("._") for part in name.split("/"))


@dataclass(frozen=True)
class Found:
    """The file that a list names, and a remark if it is spelled another way there; empty if not."""

    place: Location
    remark: str = ""


class FileLookup:
    """Finds the files that a source's list names, only inside its own folder. Each folder is listed once, when it is needed."""

    def __init__(self, base: Location) -> None:
        self.base = base
        self.real = base.resolve() if isinstance(base, Path) else base
        self.listed: dict[str, set[str]] = {}
        self.spellings: dict[str, dict[str, list[str]]] = {}

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

    def exact(self, named: str) -> Location | None:
        """The file of exactly this name relative to the folder; None if there is none, or if it points outside it."""
        plain = isinstance(self.real, Path) and "/" not in named and "\\" not in named
        if plain and named not in self._alike("", named):
            return None  # without asking the disk for each of a list's names in each of several folders
        place = self.find(named)
        return place if place is not None and self.exists(place) else None

    def match(self, named: str) -> Found | str | None:
        """The file of a name relative to the folder, also if the two are spelled differently; None if there is none.

        Spelled differently means upper and lower case, the forms of an accented letter, `%20` and the like for a character,
        and a blank, a plus sign and an underscore. If several files match, and none of them exactly, it is a refusal's reason.
        """
        if (exact := self.exact(named)) is not None:
            return Found(exact)
        ways = [""]  # folders, and in the end files, relative, that match as far as the name was followed
        *parts, last = [part for part in re.split(r"[/\\]", unquote(named)) if part not in ("", ".")] or [""]
        for part in parts:
            ways = [f"{way}{name}/" for way in ways for name in self._alike(way, part)]
        found = [place for way in ways for name in self._alike(way, last) if (place := self.find(way + name)) is not None]
        files = [place for place in found if self.exists(place)]
        if len(files) > 1:
            names = ", ".join(last_name(file) for file in files[:5])
            return (
                f"no file is called exactly so, and several nearly ({names}). Keep one of them, or mend its name in the list."
            )
        return Found(files[0], f"The list spells its name differently: {named}.") if files else None

    def _alike(self, folder: str, part: str) -> list[str]:
        """What lies in a folder, relative to the base, and is called like a part of a name."""
        if folder not in self.spellings:
            place = self.find(folder or ".") if isinstance(self.real, Path) else self.base / folder
            alike: dict[str, list[str]] = {}
            for name in _names_in(place):
                alike.setdefault(spelling_key(name), []).append(name)
            self.spellings[folder] = alike
        return self.spellings[folder].get(spelling_key(part), [])


def find_photo(lookups: Sequence[FileLookup], named: str, source: Location, shown: str = "photo") -> Found | str:
    """The photo that a list names, in the first of several folders that has it; or why there is none, for a refusal."""
    for lookup in lookups:  # the exact name anywhere, before a name that is only alike
        if (place := lookup.exact(named)) is not None:
            return Found(place)
    inside = [lookup for lookup in lookups if lookup.find(named) is not None]
    if not inside:
        return "its path points outside the folder."
    for lookup in inside:
        if (found := lookup.match(named)) is not None:
            return found
    at = source if is_folder(source) else source.parent
    return f"the {shown} isn't there: Winnow looked for it {where_looked([lookup.base for lookup in inside], at)}."


def where_looked(folders: Iterable[Location], source: Location) -> str:
    """The folders in which a file was looked for, in words, relative to the source's own folder.

    >>> where_looked([Path("set"), Path("set/images"), Path("set/val")], Path("set"))
    'in the source itself, in images/ and in val/'
    """
    names = [f"in {way}/" if (way := _way(folder, source)) != "." else "in the source itself" for folder in folders]
    *most, last = [*names[:FOLDERS_NAMED], *([f"in {len(names) - FOLDERS_NAMED:,} more"] if len(names) > FOLDERS_NAMED else [])]
    return f"{', '.join(most)} and {last}" if most else last


def _way(folder: Location, source: Location) -> str:
    try:
        return relative_path(folder, source).as_posix()
    except ValueError:
        return f"../{last_name(folder)}"


def spelling_key(name: str) -> str:
    """A file's name without what a list and a disk often spell differently.

    >>> spelling_key("IMG 1%2B.JPG") == spelling_key("img_1+.jpg")
    True
    """
    return re.sub(r"[ +_]", "_", unicodedata.normalize("NFC", unquote(name)).casefold())


def _names_in(folder: Location | None) -> list[str]:
    try:
        if isinstance(folder, Path):
            return os.listdir(folder)  # noqa: PTH208 - names are all we need
        return (
            []
            if folder is None
            else [posixpath.basename(entry.rstrip("/")) for entry in folder.fs.ls(folder.path, detail=False)]
        )
    except (OSError, ValueError):
        return []  # many web servers list nothing


def open_list(place: Location) -> BinaryIO:
    """A source's list or export, open for reading.

    Raises WinnowError if it is no regular file or has more than LIST_BYTES, and OSError if it can't be opened.
    """
    try:
        file = open_regular(place)
    except WinnowError as error:
        raise WinnowError(f"{display_name(place)} can't be read: {error}") from None
    size = file.seek(0, os.SEEK_END)
    if size > LIST_BYTES:
        file.close()
        raise WinnowError(f"{place.name} has {size:,} bytes; {LIST_BYTES:,} are allowed for a list. Divide it into several.")
    file.seek(0)
    return file


def list_bytes(place: Location, count: int = -1) -> bytes:
    """The bytes of a list or export, or its first `count`. Raises like `open_list`."""
    with open_list(place) as file:
        return file.read(count)


def download(place: UPath, folder: Path, limits: Limits, on_fetched: Callable[[int], None]) -> Path:
    """Copy a file behind a URL into a folder, and tell how many megabytes have come.

    Raises WinnowError if it exceeds `limits.zip_bytes` or the disk is full, and Cancelled as `on_fetched` does.
    """
    copy = folder / (posixpath.basename(urlsplit(without_secrets(str(place))).path) or "download")
    left = limits.zip_bytes
    with disk_full_errors(copy), place.open("rb") as there, copy.open("wb") as here:
        while chunk := there.read(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise WinnowError(f"{display_name(place)} has more than the {limits.zip_bytes:,} bytes that are allowed.")
            here.write(chunk)
            on_fetched((limits.zip_bytes - left) // 10**6)
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
    """Turn every error of reading a source into a WinnowError, without a URL's secrets. The log gets what nobody foresaw."""
    try:
        yield
    except (WinnowError, Cancelled):
        raise
    except Exception as error:
        if isinstance(place, Path):
            if isinstance(error, OSError) and error.filename is not None:
                raise WinnowError(f"{error.filename} can't be read ({error.strerror}).") from None
            _log.warning("A source can't be read.", exc_info=True)
            raise WinnowError(f"{place} can't be read: it is damaged ({type(error).__name__}).") from None
        why = f"{error}" if isinstance(error, ImportError) else type(error).__name__
        raise WinnowError(f"{display_name(place)} can't be read ({why}).") from None


def write_file(path: Path, data: bytes) -> None:
    """Write a file of an export, creating the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
