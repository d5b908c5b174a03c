"""Unpack a zip of any source that is a folder. A zip is untrusted, so everything in it is checked first.

Paths outside the zip, links, encrypted members and zip bombs are refused one by one; the other members are read. Declared
sizes are checked before anything is written, and `zipfile` never returns more of a member than its declared size.

One entry in the zip's directory that `zipfile` can't read would make it refuse the whole zip. So it is given a directory in
which such an entry is mended, and the member is refused.
"""

import io
import shutil
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from curator.formats.folder import MASKS, PHOTOS
from curator.formats.locations import MAX_DEPTH, Location, is_folder, is_junk
from curator.formats.pairs import Refused, match_key, parse_split
from curator.pictures.opening import open_regular
from db.errors import DiskFullError, WinnowError
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


def recognise(location: Location) -> str | None:
    """Why this is a zip, or None. An empty or damaged file called .zip is one, so that `unpack` can report what is wrong."""
    if is_folder(location):
        return None
    if location.suffix.lower() == ".zip":
        return "its name ends in .zip"
    with open_regular(location) as opened:
        return "it starts like a zip" if opened.read(len(ZIP_SIGNATURE)) == ZIP_SIGNATURE else None


def unpack(location: Path, into: Path, limits: Limits, called: str) -> tuple[Path, list[Refused]]:
    """Unpack a zip, which errors call `called`, into the empty folder `into`.

    Returns the folder with the content, and the refused members. If everything is inside one top folder, that folder is the
    content. Raises WinnowError if the file is no zip, is empty, has more members than the limits allow, or does not fit on the
    disk.
    """
    try:
        with open_regular(location) as file, _Mended(file) as mended, zipfile.ZipFile(mended) as archive:
            mended.opening = False
            refused = list(mended.refused.values())
            members = [each for number, each in enumerate(archive.infolist()) if number not in mended.refused]
            members = [member for member in members if not _is_ignored(member)]
            _check_archive(called, members, len(refused), into, limits)
            refused += _extract(archive, members, into, limits, called)
    except WinnowError:
        raise
    except Exception as error:  # whatever zipfile raises for damaged directories
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it may be cut off"
        raise WinnowError(f"{called} can't be read as a zip ({why}).") from None
    return _content_folder(into), refused


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


def _is_ignored(member: zipfile.ZipInfo) -> bool:
    return bool(member.filename) and (member.is_dir() or is_junk(_normal_name(member)))


def _check_archive(called: str, members: list[zipfile.ZipInfo], refused: int, into: Path, limits: Limits) -> None:
    wanted = sum(member.file_size for member in members if _reason_to_refuse(member, limits) is None)
    _check_numbers(called, len(members) + refused, wanted, into, limits)


def _check_numbers(called: str, count: int, wanted: int, into: Path, limits: Limits) -> None:
    """Refuse a zip of `count` files that unpack to `wanted` bytes, if it is empty or too much for the limits or the disk."""
    if not count:
        raise WinnowError(f"{called} is empty. Zip a folder with images/ and masks/ in it.")
    if count > limits.zip_members:
        raise WinnowError(f"{called} holds more than {limits.zip_members:,} files, the limit. Send several zips.")
    needed = min(wanted, limits.zip_bytes)
    free = shutil.disk_usage(into).free
    if needed > free:
        raise DiskFullError(f"{called} needs {needed:,} bytes of disk space to unpack; {free:,} are left.")


def _extract(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], into: Path, limits: Limits, called: str
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
            reason = _write(archive, member, into / _normal_name(member), called)
            left -= member.file_size
        if reason is not None:
            yield Refused(_normal_name(member) if member.filename else "a member without a name", reason)


def _normal_name(member: zipfile.ZipInfo) -> str:
    """A member's name with slashes and without empty or `.` parts; some zip programs on Windows write backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/")).as_posix()


def _reason_to_refuse(member: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Why a member is refused by what the zip declares about it, or None."""
    path = PurePosixPath(_normal_name(member))
    kind = stat.S_IFMT(member.external_attr >> 16)
    if not path.parts:
        return "it has no name."
    if len(path.parts) > MAX_DEPTH + 1:
        return f"it lies inside {len(path.parts) - 1:,} folders; {MAX_DEPTH} are allowed."
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "its path points outside the zip."
    if kind not in (0, stat.S_IFREG):
        return "it is a link or another special file, not a picture."
    if member.flag_bits & 1:
        return "it is encrypted. Send the zip without a password."
    if member.file_size > limits.file_bytes:
        return f"it unpacks to {member.file_size:,} bytes; {limits.file_bytes:,} are allowed."
    if member.file_size > limits.zip_small and member.file_size > limits.zip_ratio * max(member.compress_size, 1):
        return f"it unpacks from {member.compress_size:,} to {member.file_size:,} bytes, like a zip bomb."
    return None


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, called: str) -> str | None:
    """Unpack one member. Returns why that failed, or None. Raises WinnowError if the disk is full."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as out:
            reason = _copy(archive, member, out)
    except FileExistsError:
        return "another file in the zip has the same name."
    except OSError as error:
        if path.parent.is_dir() and shutil.disk_usage(path.parent).free < CHUNK:
            raise WinnowError(f"The disk is full, so {called} can't be unpacked completely.") from None
        return f"it can't be written under this name ({error.strerror})."
    if reason is not None:
        path.unlink()
    return reason


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, out: BinaryIO) -> str | None:
    chunks = _unpacked(archive, member)
    while True:
        try:
            chunk = next(chunks, b"")
        except Exception:  # whatever a decompressor raises; what is wrong with the disk is raised by the next line
            return "it is damaged, or compressed in an unsupported way."
        if not chunk:
            break
        out.write(chunk)
    return None if out.tell() == member.file_size else "it is shorter than the zip declares."


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as packed:
        while chunk := packed.read(CHUNK):
            yield chunk


def _content_folder(folder: Path) -> Path:
    """The folder itself, or the only folder in it, as when a folder was zipped as a whole. Names that mean something stay."""
    inside = list(folder.iterdir())
    if len(inside) != 1 or not inside[0].is_dir():
        return folder
    name = inside[0].name.lower()
    return folder if name in PHOTOS + MASKS or parse_split(name) else _content_folder(inside[0])
