"""Search every byte of files for somebody who was erased: their names, the hashes of their photos, the photos themselves."""

import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from curator.upkeep.words import Words

CHUNK = 2**23  # bytes that are read at a time
OVERLAP = 2**12  # bytes of the chunk before that are searched again, so that nothing is missed where two meet
AROUND = 64  # bytes beside a find that decide whether it is a name
LONG = 6  # characters of a name that do not come by chance
HASH = re.compile(rb"(?=([0-9a-f]{64}))")  # a lookahead: texts stand side by side in a database


@dataclass(frozen=True)
class Sought:
    """What is searched for. A name in a database's file may stand inside a longer word."""

    words: Words
    is_photo: Callable[[str], bool] = lambda sha256: False  # whether a file of this sha256 is one of the photos


@dataclass
class Searched:
    """How much was searched, what was found where: (file, what), and which files could not be read: (file, why)."""

    files: int = 0
    bytes: int = 0
    found: list[tuple[Path, str]] = field(default_factory=list)
    unread: list[tuple[Path, OSError]] = field(default_factory=list)


def search_bytes(
    files: Iterable[Path],
    sought: Sought,
    *,
    side_by_side: bool = False,
    on_file: Callable[[Searched], None] = lambda so_far: None,
) -> Searched:
    """Search the bytes and the names of files. Those that are gone meanwhile are passed by, and of those that cannot be
    read only the name is searched.

    `side_by_side` says that texts stand in the files without anything between, as in a database: names are found inside
    longer words, too.
    """
    searched = Searched()
    pattern = sought.words.person_anywhere if side_by_side else sought.words.person
    for file in files:
        try:
            found = _found_in(file, pattern, _first_looks(sought.words.telling), sought.is_photo, side_by_side, searched)
        except FileNotFoundError:
            continue
        except OSError as error:
            searched.unread.append((file, error))
            found = set()
        if pattern.search(file.name):
            found.add("its name")
        searched.files += 1
        searched.found += [(file, what) for what in sorted(found)]
        on_file(searched)
    return searched


def _first_looks(names: Iterable[str]) -> list[bytes]:
    """What the bytes hold, in lower case, wherever one of the names is: a quick look before the pattern is tried."""
    looks: set[bytes] = set()
    for name in names:
        for form in ("NFC", "NFD"):
            words = re.findall(r"[^\W_]+", unicodedata.normalize(form, name))
            longest = max(words, key=len, default="")
            plain = max(re.findall(r"[a-z0-9]+", longest.lower()), key=len, default="")
            if len(plain) >= 2:
                looks.add(plain.encode())
            else:  # of another script, or a single letter of ours
                escaped = "".join(f"\\u{ord(letter):04x}" for letter in longest)
                looks |= {spelled.encode() for one in (longest, longest.upper(), longest.lower()) for spelled in (one, escaped)}
                looks.add("".join(f"%{byte:02x}" for byte in longest.encode()).encode())
    return sorted(looks - {b""})


def _found_in(
    file: Path,
    pattern: re.Pattern[str],
    looks: list[bytes],
    is_photo: Callable[[str], bool],
    side_by_side: bool,
    searched: Searched,
) -> set[str]:
    found: set[str] = set()
    digest, before = hashlib.sha256(), b""
    # A database's file is never closed in this process: that would drop the locks that our own connections hold on it, as
    # POSIX has it, and another process could then take the database for one that nobody uses.
    with io.FileIO(os.open(file, os.O_RDONLY | os.O_CLOEXEC), closefd=not side_by_side) as opened:
        while chunk := opened.read(CHUNK):
            digest.update(chunk)
            searched.bytes += len(chunk)
            data = before + chunk
            lower = data.lower()
            if any(_is_named(data, lower, look, pattern, side_by_side) for look in looks):
                found.add("the name")
            if any(is_photo(one.group(1).decode()) for one in HASH.finditer(data)):
                found.add("the hash of a photo")
            before = data[-OVERLAP:]
    if is_photo(digest.hexdigest()):
        found.add("a photo")
    return found


def _is_named(data: bytes, lower: bytes, look: bytes, pattern: re.Pattern[str], side_by_side: bool) -> bool:
    at = lower.find(look)
    while at >= 0:
        beside = data[max(0, at - AROUND) : at + len(look) + AROUND].decode("utf-8", "replace")
        if any(
            match and (side_by_side or _on_purpose(match))
            for match in (pattern.search(beside), pattern.search(unquote(beside)))
        ):
            return True
        at = lower.find(look, at + 1)
    return False


def _on_purpose(match: re.Match[str]) -> bool:
    """A picture's compressed bytes hold any short word by chance, but not amid other text."""
    start, end = match.span()
    beside = match.string[max(0, start - 3) : start] + match.string[end : end + 3]
    plain = all((letter.isprintable() and letter != "\N{REPLACEMENT CHARACTER}") or letter in "\0\r\n\t" for letter in beside)
    return plain or end - start >= LONG
