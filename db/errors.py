"""The exceptions whose texts are written for people."""


class WinnowError(Exception):
    """Something a person can act on. Its text says in whole sentences what was wrong and what to do.

    Functions that decide raise it; the edge shows it, once: a command prints it and exits 1, a route sends it as JSON, a page
    displays it.
    """


class NotThereError(WinnowError):
    """What was asked for does not exist (any more). A route answers 404."""


class DamagedError(WinnowError):
    """A stored picture's bytes are not those that were stored. A route answers 422."""


class NotNowError(WinnowError):
    """Nothing is wrong with what was asked, but it cannot be done now. A route answers 503, so that a page asks again."""


class DiskFullError(NotNowError):
    """The disk or the quota is full."""


class DatabaseBusyError(NotNowError):
    """Another process kept the database locked for too long. Nothing of the transaction was written; it may be run again."""


class DatabaseUnavailableError(NotNowError):
    """The database cannot be opened, does not answer, or has broken the connection off."""
