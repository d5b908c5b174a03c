"""Names of people, compared so that every spelling of a name is one person."""

import hashlib
import unicodedata


def folded(name: str) -> str:
    """A name as it is compared: without case, compatibility forms and invisible characters; blanks trimmed and collapsed.

    Equal for every Unicode form of a name, and the same again when it is folded twice. Accents and punctuation count.

    >>> folded("  Ｎora\\u00a0 QUIST ") == folded("nora quist")
    True
    """
    text = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")  # such as a zero-width space or a BOM
    for form in ("NFD", "NFKD", "NFKD"):  # as Unicode compares without case and compatibility forms (section 3.13, D146)
        text = unicodedata.normalize(form, text).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).split())


def person_key(name: str) -> str:
    """The key of a contributor: a sha256 of the folded name, because a folded name may be many times longer than a name."""
    return hashlib.sha256(folded(name).encode()).hexdigest()
