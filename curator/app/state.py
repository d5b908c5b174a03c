"""What the pages and the routes of one process share: settings, engine and store, each made once."""

from functools import cache

from sqlalchemy import Engine

from db.session import open_database
from db.settings import Settings
from db.store import Store


@cache
def settings() -> Settings:
    """The settings this process was started with."""
    return Settings()


@cache
def engine() -> Engine:
    """The engine on the migrated database."""
    return open_database(settings())


@cache
def store() -> Store:
    """The blob store."""
    return Store(settings().store)
