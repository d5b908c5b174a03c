"""An erasure by the contributor's name, as the command makes one."""

from datetime import datetime

from sqlalchemy import Engine

from curator.ingest.bars import Bars
from curator.upkeep.erase import erase, request_for
from curator.upkeep.receipt import Receipt
from db.secret import home_secret
from db.session import reading
from db.settings import Settings
from db.store import Store


def erase_contributor(engine: Engine, store: Store, settings: Settings, name: str, who: str, now: datetime) -> Receipt:
    """What `erase --contributor NAME` does, without its job."""
    with reading(engine) as session:
        request = request_for(session, Bars(home_secret(settings.home.resolve())), "contributor", name)
    assert request is not None
    return erase(engine, store, settings, request, who, now)
