"""The one exception that is meant for people."""


class WinnowError(Exception):
    """Something a person can act on; its text is one whole sentence saying what was wrong and what to do.

    Rules raise it, the edge translates it once: a command prints it and exits 1, a route sends it as JSON,
    a page shows it.
    """


class NotThereError(WinnowError):
    """What was asked for does not exist, or no longer: a route answers 404."""


class DiskFullError(WinnowError):
    """There is no room left where something was to be kept."""
