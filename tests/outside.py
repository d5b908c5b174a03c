"""A store that proves that nobody waits for it: it refuses its service while a transaction keeps others from writing."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

from upath import UPath

from db.settings import Settings
from db.store import Store


class OutsideTransactions(Store):
    """The settings' store, with a database in SQLite beside it; `used` counts how often it was used.

    Raises sqlite3.OperationalError ("database is locked") for whoever uses it while a transaction writes.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.store)
        self.database, self.used = settings.home / "winnow.db", 0
        self.one_at_a_time = threading.Lock()  # two threads that check at once would each find the other's transaction

    def path(self, sha256: str) -> UPath:
        self._check()
        return super().path(sha256)

    def all(self) -> Iterator[str]:
        self._check()
        return super().all()

    def _check(self) -> None:
        database = sqlite3.connect(self.database, timeout=0, isolation_level=None)
        with self.one_at_a_time, closing(database) as other:
            self.used += 1
            other.execute("BEGIN IMMEDIATE")
