"""A number with its noun."""


def pluralise(number: int, noun: str, several: str = "") -> str:
    """A number with its noun, or with `several` of it where that is no plain plural.

    >>> pluralise(1, "run"), pluralise(2000, "run"), pluralise(2, "person", "people")
    ('1 run', '2,000 runs', '2 people')
    """
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"
