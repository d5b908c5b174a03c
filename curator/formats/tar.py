"""The members of a tar or tar.gz, one after the other, in little memory.

Python's `tarfile` holds what a header says is its size: two gigabytes of zeros, packed into two megabytes. So headers are read
here, with limits; the fields of a block are left to it.
"""

import gzip
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

GZIP_SIGNATURE = b"\x1f\x8b"
USTAR, USTAR_AT = b"ustar", 257
BLOCK = 512
HEADER_BYTES = 64 * 2**10  # of a long name, and of the other fields of one header
CHUNK = 2**20
PAX, PAX_OF_ALL = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE), tarfile.XGLTYPE
LONG_NAME, LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK


@dataclass(frozen=True)
class Member:
    """One member of a tar, as its header declares it."""

    name: str
    size: int
    is_file: bool  # not a link, a device, a pipe or a sparse file
    is_folder: bool


class TarError(Exception):
    """A tar is damaged or cut off, or a header is larger than any that a program writes."""


class TarReader:
    """Reads the members of a tar in their order. `packed` tells how many bytes of the file were used so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        is_packed = file.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE
        file.seek(0)
        self._stream = gzip.GzipFile(fileobj=file) if is_packed else file
        self._left = 0  # bytes of the member, with those that fill its last block

    @property
    def packed(self) -> int:
        """How many bytes of the file were read so far."""
        return self._file.tell()

    def members(self) -> Iterator[Member]:
        """The members, each of which has to be read, if it is, before the next. Raises TarError."""
        long_name, fields = "", dict[str, str]()
        while (block := self._read(BLOCK)) and block.strip(b"\0"):
            info = self._header(block)
            if info.type in (*PAX, PAX_OF_ALL, LONG_NAME, LONG_LINK):
                data = self._of_header(info.size)
                if info.type in PAX:
                    fields = _pax_fields(data)
                elif info.type == LONG_NAME:
                    long_name = data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
                continue
            size = int(fields["size"]) if fields.get("size", "").isdecimal() and len(fields["size"]) < 20 else info.size
            if size < 0:
                raise TarError("a size is negative")
            sparse = info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in fields)
            self._left = -(-size // BLOCK) * BLOCK if info.type in (*tarfile.REGULAR_TYPES, tarfile.GNUTYPE_SPARSE) else 0
            name = fields.get("path") or long_name or info.name
            yield Member(name, size, info.type in tarfile.REGULAR_TYPES and not sparse, info.type == tarfile.DIRTYPE)
            while self._left:
                self._left -= len(self._exactly(min(CHUNK, self._left)))
            long_name, fields = "", {}

    def data(self, member: Member) -> Iterator[bytes]:
        """The bytes of the member that came last. Raises TarError if they are cut off."""
        left = member.size
        while left:
            chunk = self._exactly(min(CHUNK, left))
            left -= len(chunk)
            self._left -= len(chunk)
            yield chunk

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise TarError(f"{error}") from None

    def _of_header(self, size: int) -> bytes:
        if not 0 <= size <= HEADER_BYTES:
            raise TarError("a header is too large")
        return self._exactly(-(-size // BLOCK) * BLOCK)[:size]

    def _exactly(self, count: int) -> bytes:
        data = self._read(count)
        if len(data) < count:
            raise TarError("it is cut off")
        return data

    def _read(self, count: int) -> bytes:
        """As many bytes, or fewer at the end."""
        parts, left = [], count
        try:
            while left and (part := self._stream.read(left)):
                parts.append(part)
                left -= len(part)
        except Exception as error:  # whatever the decompressor raises
            raise TarError(type(error).__name__) from None
        return b"".join(parts)


def is_tar(start: bytes) -> bool:
    """Whether a file that starts with these bytes, unpacked, is a tar."""
    return start[USTAR_AT : USTAR_AT + len(USTAR)] == USTAR


def _pax_fields(data: bytes) -> dict[str, str]:
    """The fields of a pax header, which are lines such as `20 path=images/a.jpg`; what can't be read is left out."""
    fields: dict[str, str] = {}
    while data:
        length, space, _ = data.partition(b" ")
        if not space or not length.isdigit() or len(length) > 6 or not len(length) < int(length) <= len(data):
            break
        key, equals, value = data[len(length) + 1 : int(length)].rstrip(b"\n").partition(b"=")
        if equals:
            fields[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        data = data[int(length) :]
    return fields
