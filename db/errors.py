"""The exceptions whose texts are written for people."""


class WinnowError(Exception):
    """Something a person can act on. Its text says in whole sentences what was wrong and what to do.

    Functions that decide raise it; the edge shows it, once: a command prints it and exits 1, a route sends it as JSON, a page
    displays it.
    """

    code = "impossible"  # names the kind of error to a program, which must not read the text; a subclass may have its own
    to_reviewers = ""  # what a browser is told instead, where the text names folders or addresses of the server

    @property
    def shown(self) -> str:
        """The text for somebody who sees the app in a browser, and may know nothing of the server."""
        return self.to_reviewers or str(self)


class UnstorableError(WinnowError):
    """A value that the database cannot hold: a number beyond its range, or a character that is none. A route answers 400."""

    code = "unstorable"


class NotThereError(WinnowError):
    """What was asked for does not exist (any more). A route answers 404."""

    code = "not_there"


class DamagedError(WinnowError):
    """A stored picture's bytes are not those that were stored. A route answers 422."""

    code = "damaged"


class NotNowError(WinnowError):
    """Nothing is wrong with what was asked, but it cannot be done now. A route answers 503, so that a page asks again."""

    code = "not_now"


class DiskFullError(NotNowError):
    """The disk or the quota is full. A route answers 507."""

    code = "disk_full"
    to_reviewers = "The disk of Winnow’s server is full. Ask your lead to free some space."


class StoreUnavailableError(NotNowError):
    """The server of the store's URL does not answer, or not as it should."""

    code = "store_unavailable"
    to_reviewers = "Winnow’s pictures can’t be reached right now. If it stays so, tell your lead."


class DatabaseBusyError(NotNowError):
    """Another process kept the database locked for too long. Nothing of the transaction was written; it may be run again."""

    code = "database_busy"
    to_reviewers = "Winnow’s database is busy. Try again in a moment."


class DatabaseUnavailableError(NotNowError):
    """The database cannot be opened, does not answer, or has broken the connection off."""

    code = "database_unavailable"
    to_reviewers = "Winnow’s database does not answer right now. If it stays so, tell your lead."
