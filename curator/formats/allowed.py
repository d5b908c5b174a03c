"""Which paths and URLs of the server a page may read: only what lies below the folders and URLs that a setting names.

Whoever reads a source sees its photos and the names of its files. So a path may not climb out of an allowed folder, by `..` or
by a link; a URL may not lead to another host, into which this machine may look and a browser may not. A web server that is
allowed is trusted with where it redirects to.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

from db.errors import WinnowError

ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")


def allowed_source(named: str, allowed: Sequence[str]) -> str:
    """The path or URL of a source that somebody has named on a page, its links resolved.

    `allowed` are absolute paths of folders, and URLs; the source lies below one of them. One that lies elsewhere raises the
    same WinnowError whether it exists or not. A list lies in a folder of its own: formats also look beside a list's folder.
    """
    if not allowed:
        raise WinnowError("Pages may read no folder of the server: WINNOW_INGEST_FOLDERS names none.")
    named = named.strip()
    inside = _url_inside(named, allowed) if "://" in named else _path_inside(named, allowed)
    if inside is None:
        raise WinnowError(f"That is not below {in_words(allowed)}. Name what lies there by its whole path or URL.")
    place, is_folders_own = inside
    if is_folders_own:
        raise WinnowError("A list is read with the folder that it lies in. Move both to a folder of its own, and name that.")
    return place


def in_words(allowed: Sequence[str]) -> str:
    """The allowed folders and URLs: "/data/incoming or s3://bucket/photos"."""
    return " or ".join([", ".join(allowed[:-1]), allowed[-1]] if len(allowed) > 1 else allowed)


def _path_inside(named: str, allowed: Sequence[str]) -> tuple[str, bool] | None:
    """The path without links, and whether it is a list directly in an allowed folder; None for one that lies elsewhere."""
    try:
        if not Path(named).is_absolute():
            return None
        real = Path(named).resolve()
        folders = [Path(folder).resolve() for folder in allowed if "://" not in folder]
        if not any(folder in real.parents for folder in folders):
            return None
        if not real.exists():
            raise WinnowError(f"{real} does not exist.")
        return str(real), real.parent in folders and not real.is_dir() and not _is_archive(real.name)
    except (OSError, RuntimeError, ValueError):  # links in a circle, a name that is too long, NUL
        return None


def _url_inside(named: str, allowed: Sequence[str]) -> tuple[str, bool] | None:
    asked = _split(named)
    if asked is None:
        return None
    url, parts = asked
    for folder in allowed:
        other = _split(folder) if "://" in folder else None
        if other is None or (other[0].scheme, other[0].netloc) != (url.scheme, url.netloc):
            continue
        above = len(other[1])
        if parts[:above] == other[1] and len(parts) > above:
            is_file = not url.path.endswith("/") and "." in parts[-1] and not _is_archive(parts[-1])
            return url.geturl(), len(parts) == above + 1 and is_file
    return None


def _split(named: str) -> tuple[SplitResult, list[str]] | None:
    """A URL, and the parts of its path decoded; None for one that could be read in two ways, or holds a secret."""
    try:
        url = urlsplit(named)
    except ValueError:
        return None
    decoded = url.path
    while (once_more := unquote(decoded)) != decoded:  # some servers decode twice
        decoded = once_more
    parts = decoded.strip("/").split("/") if decoded.strip("/") else []
    odd = "::" in named or "\\" in decoded or not named.isprintable() or not decoded.isprintable() or " " in named
    if odd or "@" in url.netloc or url.query or url.fragment or not url.netloc or {"", ".", ".."} & set(parts):
        return None
    return url._replace(scheme=url.scheme.lower(), netloc=url.netloc.lower()), parts


def _is_archive(name: str) -> bool:
    return PurePosixPath(name.lower()).name.endswith(ARCHIVES)
