"""Unpack a zip or tar of any source that is a folder. It is untrusted, so everything in it is checked first.

Paths outside it, links, encrypted members and bombs are refused one by one; the other members are read. A zip's declared
sizes are checked before anything is written, and `zipfile` never returns more of a member than its declared size.

One entry in the zip's directory that `zipfile` can't read would make it refuse the whole zip. So it is given a directory in
which such an entry is mended, and the member is refused.
"""

import gzip
import io
import itertools
import re
import shutil
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from posixpath import basename, splitext
from typing import BinaryIO

from curator.formats.folder import has_a_meaning
from curator.formats.locations import MAX_DEPTH, Location, is_folder, is_junk, list_files
from curator.formats.pairs import NotRead, Refused, match_key, readable_name
from curator.formats.tar import GZIP_SIGNATURE, USTAR, USTAR_AT, Member, TarError, TarReader, is_tar
from curator.pictures.opening import open_regular
from db.errors import DiskFullError, WinnowError
from db.jobs import Cancelled
from db.settings import Limits

CHUNK = 2**20
ZIP_SIGNATURE = b"PK\3\4"
EMPTY_SIGNATURE = b"PK\5\6"  # of a zip without files
TABLE_ENTRY = struct.Struct("<4s20xL3H12x")  # signature; unpacked size; lengths of what follows: name, extra fields, comment
ENTRY_SIGNATURE = b"PK\1\2"
ENTRY = struct.Struct("<6xBxH10xLL3H8xL")  # version needed, flags, sizes, lengths, offset; 4.3.12 of PKWARE's APPNOTE.TXT
NEWEST_VERSION = 63  # of that specification which zipfile reads
UTF_8 = 0x800  # a flag: how the name is encoded
IN_EXTRA = 0xFFFFFFFF  # a size or offset that stands in the extra fields
ZIP64, UNICODE_PATH = 0x0001, 0x7075  # kinds of extra fields
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz")
ENCODINGS = ("utf-8", "cp932", "gbk", "cp437")  # of names in a zip that doesn't say it; the last one can read all bytes
CALLED = {"cp932": "Shift-JIS", "gbk": "GBK"}
WORDS, NOT_ASCII, HALF_WIDTH = re.compile(r"[^\W\d_]+"), re.compile(r"[^\x00-\x7f]"), re.compile(r"[\uff61-\uff9f]")


@dataclass
class Unpacked:
    """What came of an archive: the folder with its content, the members that are refused, and those that nobody meant to send.

    `encoding` is what names were read as that don't say how they are encoded, where that is a guess. `files` is how many were
    written, and `on_file` is told so after each; it may raise Cancelled.
    """

    folder: Path
    on_file: Callable[[int], None]
    files: int = 0
    refused: list[Refused] = field(default_factory=list)
    junk: list[NotRead] = field(default_factory=list)
    encoding: str = ""

    def count(self) -> None:
        """One more file was written."""
        self.files += 1
        self.on_file(self.files)


def recognise(location: Location) -> str | None:
    """Why this is a zip, or None. An empty or damaged file called .zip is one, so that `unpack` can report what is wrong."""
    if is_folder(location):
        return None
    if location.suffix.lower() == ".zip":
        return "its name ends in .zip"
    with open_regular(location) as opened:
        return "it starts like a zip" if opened.read(len(ZIP_SIGNATURE)) == ZIP_SIGNATURE else None


def recognise_tar(location: Location) -> str | None:
    """Why this is a tar or a tar.gz, or None; like `recognise`."""
    if is_folder(location):
        return None
    ending = next((ending for ending in TAR_ENDINGS if location.name.lower().endswith(ending)), None)
    if ending is not None:
        return f"its name ends in {ending}"
    with open_regular(location) as opened:
        start = opened.read(USTAR_AT + len(USTAR))
        if start.startswith(GZIP_SIGNATURE):
            opened.seek(0)
            try:
                start = gzip.GzipFile(fileobj=opened).read(USTAR_AT + len(USTAR))
            except Exception:  # whatever the decompressor raises: it is no tar
                return None
    return "it starts like a tar" if is_tar(start) else None


def unpack(location: Path, into: Path, limits: Limits, called: str, on_file: Callable[[int], None]) -> Unpacked:
    """Unpack a zip or a tar, which errors call `called`, into the empty folder `into`.

    If everything is inside one top folder, that folder is the content. Raises WinnowError if the file is neither, is empty, has
    more members than the limits allow, or does not fit on the disk; and Cancelled, as `on_file` does.
    """
    found = Unpacked(into, on_file)
    if recognise_tar(location) is not None:
        _unpack_tar(location, into, limits, called, found)
    else:
        _unpack_zip(location, into, limits, called, found)
    found.folder = _content_folder(into)
    return found


def _unpack_zip(location: Path, into: Path, limits: Limits, called: str, found: Unpacked) -> None:
    try:
        with open_regular(location) as file, _Mended(file) as mended, zipfile.ZipFile(mended) as archive:
            mended.opening = False
            found.refused += mended.refused.values()
            members = [each for number, each in enumerate(archive.infolist()) if number not in mended.refused]
            found.encoding = _decode_names(members)
            members = [member for member in members if not (member.filename and member.is_dir())]
            names = [_normal_name(member) for member in members]
            found.junk += (_junk(name) for name in names if is_junk(name))
            members = [member for member, name in zip(members, names, strict=True) if not is_junk(name) or not member.filename]
            _check_archive(called, members, len(found.refused), into, limits)
            found.refused += _extract(archive, members, into, limits, called, found.count)
    except (WinnowError, Cancelled):
        raise
    except Exception as error:  # whatever zipfile raises for damaged directories
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it may be cut off"
        raise WinnowError(f"{called} can't be read as a zip ({why}).") from None


def _junk(name: str) -> NotRead:
    return NotRead(readable_name(name), "a program left it there.", junk=True)


def _unpack_tar(location: Path, into: Path, limits: Limits, called: str, found: Unpacked) -> None:
    """Nothing is known before it is read; so what lies beyond a limit ends the reading, and what came before it stays."""
    left, count = limits.zip_bytes, 0
    taken: set[str] = set()
    with open_regular(location) as file:
        reader = TarReader(file)
        try:
            for member in reader.members():
                name = PurePosixPath(member.name).as_posix()
                count += 1
                if count > limits.zip_members:
                    raise _too_many(called, limits)
                if member.is_folder:
                    continue
                if is_junk(name):
                    found.junk.append(_junk(name))
                    continue
                reason = _reason_of_path(name, "tar") or _reason_of_member(member, limits)
                if reason is None and match_key(name) in taken:
                    reason = "another file in the tar has the same name, apart from upper and lower case."
                left -= member.size if member.is_file else 0  # also of a refused one, which is unpacked to get past it
                if left < 0:
                    why = f"with it, the tar would unpack to more than the {limits.zip_bytes:,} bytes that are allowed."
                    found.refused.append(Refused(readable_name(name), f"{why} What comes after it was not read."))
                    break
                if reason is None:
                    taken.add(match_key(name))
                    reason = _write(_guarded(reader, member, limits), member.size, into / name, called)
                if reason is None:
                    found.count()
                else:
                    found.refused.append(Refused(readable_name(name) if name != "." else "a member without a name", reason))
        except TarError as error:
            if not taken:
                raise WinnowError(f"{called} can't be read as a tar ({error}).") from None
            found.refused.append(Refused(called, f"it is damaged or cut off ({error}); what came before that was read."))
    if not taken and not found.refused:
        raise _is_empty(called)


def _guarded(reader: TarReader, member: Member, limits: Limits) -> Iterator[bytes]:
    """A member's bytes. Raises WinnowError for one that unpacks from much less, like a bomb."""
    start, size = reader.packed, 0
    for chunk in reader.data(member):
        size += len(chunk)
        packed = reader.packed - start + io.DEFAULT_BUFFER_SIZE  # so much of it may have been read with the one before
        if size > limits.zip_small and size > limits.zip_ratio * packed:
            raise WinnowError(f"it unpacks from {packed:,} to more than {size:,} bytes, like a bomb.")
        yield chunk


def _reason_of_member(member: Member, limits: Limits) -> str | None:
    if not member.is_file:
        return "it is a link or another special file, not a picture."
    return _reason_of_size(member.size, limits)


def _decode_names(members: list[zipfile.ZipInfo]) -> str:
    """Give members the names that were meant where a zip doesn't say how they are encoded; returns what was guessed, if it was.

    By the standard they are in DOS's code page 437; in fact, programs on Windows write their country's. The encoding that all
    names can be read in, and in which most of them are those of other files, is taken.
    """
    silent = [each for each in members if not each.flag_bits & UTF_8 and each.filename == each.orig_filename.partition("\0")[0]]
    raw = {each: each.orig_filename.encode("cp437") for each in silent}
    raw = {each: name for each, name in raw.items() if not name.isascii()}
    if not raw:
        return ""
    known = {_stem(each.filename) for each in members if each not in raw}
    found = []
    for encoding in ENCODINGS:
        try:
            names = {each: name.decode(encoding) for each, name in raw.items()}
        except UnicodeDecodeError:
            continue
        matches = sum(_stem(name) in known for name in names.values())
        reads_well = encoding not in CALLED or _reads_well(" ".join(names.values()))
        found.append((matches, reads_well, encoding, names))
    _, _, encoding, names = max(found, key=lambda one: one[:2])  # the first of equals
    for each, name in names.items():
        each.filename = name
    return CALLED.get(encoding, "")


def _stem(name: str) -> str:
    return match_key(splitext(basename(name.replace("\\", "/")))[0])


def _reads_well(text: str) -> bool:
    """Whether text may be Japanese or Chinese: not single characters in words of Latin letters, nor half-width katakana.

    >>> _reads_well("\u9aea.jpg"), _reads_well("Zo\u5869.jpg"), _reads_well("\uff8d\uff77.jpg")
    (True, False, False)
    """
    words = [word for word in WORDS.findall(text) if not word.isascii()]
    lone = [word for word in words if len(word) > 1 and len(NOT_ASCII.sub("", word)) == len(word) - 1]
    return len(lone) < len(words) and not HALF_WIDTH.search(text)


def archives_in(folder: Path) -> list[str]:
    """The names of the zips and tars below a folder, relative to it, sorted."""
    return [name for name in list_files(folder, folder) if _without_ending(name) != name]


def unpack_inner(folder: Path, into: Path, limits: Limits, found: Unpacked) -> None:
    """Unpack the zips and tars below a folder into another, or beside themselves if `into` is the same; those in them stay.

    What is in images.zip comes to lie in images/, and parts whose folders have the same names are laid over each other. The
    limits hold for all of them and what lies in `into` together. What is refused is added to `found`.
    """
    files = [path for path in into.rglob("*") if path.is_file()]
    count, size = len(files), sum(path.stat().st_size for path in files)
    for name in archives_in(folder):
        whole = into / _without_ending(name)
        part = next(
            place for number in itertools.count(1) if not (place := whole.with_name(f"{whole.name}{'_' * number}")).exists()
        )
        part.mkdir(parents=True)
        left = replace(limits, zip_members=max(limits.zip_members - count, 0), zip_bytes=max(limits.zip_bytes - size, 0))
        try:
            inner = unpack(folder / name, part, left, readable_name(name), lambda _: found.count())
        except DiskFullError:
            raise
        except WinnowError as error:
            shutil.rmtree(part)
            found.refused.append(Refused(readable_name(name), str(error)))
            continue
        found.refused += (Refused(f"{readable_name(name)}/{each.file}", each.reason) for each in inner.refused)
        found.junk += (NotRead(f"{readable_name(name)}/{each.file}", each.why, junk=True) for each in inner.junk)
        found.encoding = found.encoding or inner.encoding
        files = [path for path in part.rglob("*") if path.is_file()]
        count, size = count + len(files), size + sum(path.stat().st_size for path in files)
        if folder == into:
            (folder / name).unlink()
        _lay(part, whole)


def _lay(part: Path, whole: Path) -> None:
    """Move what was unpacked to where it belongs: over what lies around it, or into a folder called like the archive."""
    inside = list(part.iterdir())
    files = [path.relative_to(part) for path in part.rglob("*") if path.is_file()]
    says_less = has_a_meaning(whole.name) and not any(has_a_meaning(each.name) for each in inside)
    around = whole.parent
    if not files or says_less or not all(each.is_dir() for each in inside) or any((around / file).exists() for file in files):
        around = whole if not whole.exists() else part
    if around != part:
        for file in files:
            (around / file).parent.mkdir(parents=True, exist_ok=True)
            (part / file).rename(around / file)
        shutil.rmtree(part)


def _without_ending(name: str) -> str:
    return next((name[: -len(ending)] for ending in (".zip", *TAR_ENDINGS) if name.lower().endswith(ending)), name)


def check(file: Path, into: Path, limits: Limits, called: str) -> None:
    """Raises WinnowError if `unpack` would refuse this zip as a whole, as far as its table of contents tells.

    Nothing is unpacked, and memory does not grow with the table. `into` is a folder on the disk that it would be unpacked to.
    """
    count = wanted = 0
    try:
        with file.open("rb") as opened:
            found = zipfile._EndRecData(opened)  # type: ignore[attr-defined]
            if found is None:
                raise zipfile.BadZipFile
            left, start = found[5], found[6]  # bytes of the table, and where it begins
            opened.seek(start)
            while left > 0 and count <= limits.zip_members:
                header = opened.read(TABLE_ENTRY.size)
                signature, size, *lengths = TABLE_ENTRY.unpack(header)
                rest = opened.read(sum(lengths))
                if signature != ENTRY_SIGNATURE or len(rest) < sum(lengths):
                    raise zipfile.BadZipFile
                left -= len(header) + len(rest)
                is_file = not rest[: lengths[0]].endswith(b"/")
                count += is_file
                wanted += size if is_file and size <= limits.file_bytes else 0
            if left < 0:
                raise zipfile.BadZipFile
    except (zipfile.BadZipFile, OSError, ValueError, struct.error):
        raise WinnowError(f"{called} can't be read as a zip (it may be cut off).") from None
    _check_numbers(called, count, wanted, into, limits)


class _Mended(io.BufferedReader):
    """A zip's file. While it is being opened, entries of the directory that can't be read are mended, and listed as refused."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file.raw)  # type: ignore[attr-defined]
        self.opening = True
        self.refused: dict[int, Refused] = {}  # by the number of the entry

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes. zipfile reads the whole directory at once, after everything else."""
        data = super().read(size)
        if not self.opening or not data.startswith(ENTRY_SIGNATURE):
            return data
        mended, at, self.refused = bytearray(data), 0, {}
        for number in range(len(data) // ENTRY.size):
            if data[at : at + 4] != ENTRY_SIGNATURE or at + ENTRY.size > len(data):
                break
            version, flags, packed, size_, *lengths, offset = ENTRY.unpack_from(data, at)
            start, extra_at = at + ENTRY.size, at + ENTRY.size + lengths[0]
            name, extra = data[start:extra_at], data[extra_at : extra_at + lengths[1]]
            reason = ""
            if not _is_utf_8(name) and flags & UTF_8:
                reason = "its name is no valid UTF-8."
                mended[at + 8 : at + 10] = struct.pack("<H", flags & ~UTF_8)
            if version > NEWEST_VERSION:
                reason = f"it needs version {version / 10} of the zip format; {NEWEST_VERSION / 10} can be read here."
                mended[at + 6] = NEWEST_VERSION
            if not _is_readable(extra, [size_, packed, offset].count(IN_EXTRA)):
                reason = "its entry in the zip's directory is damaged."
                mended[extra_at : extra_at + lengths[1]] = bytes(lengths[1])
            if reason:
                self.refused[number] = Refused(name.decode("utf-8", "backslashreplace") or f"member {number + 1}", reason)
            at = extra_at + lengths[1] + lengths[2]
        return bytes(mended)


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_readable(extra: bytes, wanted: int) -> bool:
    """Whether zipfile can read an entry's extra fields, which have to hold `wanted` sizes and offsets."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + length], extra[4 + length :]
        if len(content) < length or (kind == ZIP64 and length < 8 * wanted):
            return False
        if kind == UNICODE_PATH and (length < 5 or not _is_utf_8(content[5:])):
            return False
    return True


def _check_archive(called: str, members: list[zipfile.ZipInfo], refused: int, into: Path, limits: Limits) -> None:
    wanted = sum(member.file_size for member in members if _reason_to_refuse(member, limits) is None)
    _check_numbers(called, len(members) + refused, wanted, into, limits)


def _check_numbers(called: str, count: int, wanted: int, into: Path, limits: Limits) -> None:
    """Refuse a zip of `count` files that unpack to `wanted` bytes, if it is empty or too much for the limits or the disk."""
    if not count:
        raise _is_empty(called)
    if count > limits.zip_members:
        raise _too_many(called, limits)
    needed = min(wanted, limits.zip_bytes)
    free = shutil.disk_usage(into).free
    if needed > free:
        raise DiskFullError(f"{called} needs {needed:,} bytes of disk space to unpack; {free:,} are left.")


def _is_empty(called: str) -> WinnowError:
    return WinnowError(f"{called} is empty. Zip a folder with images/ and masks/ in it.")


def _too_many(called: str, limits: Limits) -> WinnowError:
    return WinnowError(f"{called} holds more than {limits.zip_members:,} files, the limit. Send several zips.")


def _extract(
    archive: zipfile.ZipFile,
    members: list[zipfile.ZipInfo],
    into: Path,
    limits: Limits,
    called: str,
    on_written: Callable[[], None],
) -> Iterator[Refused]:
    # Some file systems ignore case, so that two of these names would be one file. Refusing both works the same everywhere.
    names = Counter(match_key(_normal_name(member)) for member in members)
    left = limits.zip_bytes
    for member in members:
        reason = _reason_to_refuse(member, limits)
        if reason is None and names[match_key(_normal_name(member))] > 1:
            reason = "another file in the zip has the same name, apart from upper and lower case."
        if reason is None and member.file_size > left:
            reason = f"with it, the zip would unpack to more than the {limits.zip_bytes:,} bytes that are allowed."
        if reason is None:
            reason = _write(_unpacked(archive, member), member.file_size, into / _normal_name(member), called)
            left -= member.file_size
        if reason is None:
            on_written()
        else:
            yield Refused(_normal_name(member) if member.filename else "a member without a name", reason)


def _normal_name(member: zipfile.ZipInfo) -> str:
    """A member's name with slashes and without empty or `.` parts; some zip programs on Windows write backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/")).as_posix()


def _reason_to_refuse(member: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Why a member is refused by what the zip declares about it, or None."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if (reason := _reason_of_path(_normal_name(member), "zip")) is not None:
        return reason
    if kind not in (0, stat.S_IFREG):
        return "it is a link or another special file, not a picture."
    if member.flag_bits & 1:
        return "it is encrypted. Send the zip without a password."
    if (reason := _reason_of_size(member.file_size, limits)) is not None:
        return reason
    if member.file_size > limits.zip_small and member.file_size > limits.zip_ratio * max(member.compress_size, 1):
        return f"it unpacks from {member.compress_size:,} to {member.file_size:,} bytes, like a zip bomb."
    return None


def _reason_of_path(name: str, kind: str) -> str | None:
    path = PurePosixPath(name)
    if not path.parts:
        return "it has no name."
    if len(path.parts) > MAX_DEPTH + 1:
        return f"it lies inside {len(path.parts) - 1:,} folders; {MAX_DEPTH} are allowed."
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return f"its path points outside the {kind}."
    return None


def _reason_of_size(size: int, limits: Limits) -> str | None:
    if size > limits.file_bytes:
        return f"it unpacks to {size:,} bytes; {limits.file_bytes:,} are allowed."
    return None


def _write(chunks: Iterator[bytes], size: int, path: Path, called: str) -> str | None:
    """Unpack one member. Returns why that failed, or None. Raises WinnowError if the disk is full."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as out:
            reason = _copy(chunks, size, out)
    except FileExistsError:
        return "another file in it has the same name."
    except (OSError, ValueError) as error:
        if path.parent.is_dir() and shutil.disk_usage(path.parent).free < CHUNK:
            raise WinnowError(f"The disk is full, so {called} can't be unpacked completely.") from None
        return f"it can't be written under this name ({getattr(error, 'strerror', None) or error})."
    if reason is not None:
        path.unlink()
    return reason


def _copy(chunks: Iterator[bytes], size: int, out: BinaryIO) -> str | None:
    while True:
        try:
            chunk = next(chunks, b"")
        except WinnowError as error:
            return str(error)
        except Exception:  # whatever a decompressor raises; what is wrong with the disk is raised by the next line
            return "it is damaged, or compressed in an unsupported way."
        if not chunk:
            break
        out.write(chunk)
    return None if out.tell() == size else "it is shorter than the zip declares."


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as packed:
        while chunk := packed.read(CHUNK):
            yield chunk


def _content_folder(folder: Path) -> Path:
    """The folder itself, or the only folder in it, as when a folder was zipped as a whole. Names that mean something stay."""
    inside = list(folder.iterdir())
    if len(inside) != 1 or not inside[0].is_dir():
        return folder
    return folder if has_a_meaning(inside[0].name) else _content_folder(inside[0])
