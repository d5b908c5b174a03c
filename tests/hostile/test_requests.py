"""What a full disk, a malformed body or a script can do through the routes: nobody's verdict is lost."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from starlette.testclient import TestClient

from curator.app import allowance, routes
from curator.app.allowance import Allowance
from curator.app.guard import TOKEN_HEADER, token_for
from curator.review.deck import MOST_HELD, deal
from curator.review.leases import LEASE, leased_by
from curator.review.reviewers import reviewer_called
from db.jobs import utc_now
from db.session import connect, reading, writing
from db.store import Store
from db.tables import Reviewer, TouchUpSave, Verdict
from tests.asgi import run
from tests.conftest import on_both_servers
from tests.curator.app.test_routes import HERE, HOST, base64_png
from tests.examples import add_examples


def stored(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return list(session.scalars(select(Verdict.client_id).order_by(Verdict.id)))


def given(example: Any, client_id: Any = "one", **more: Any) -> dict[str, Any]:
    return {"example": example, "decision": "keep", "client_id": client_id, **more}


def post(client: TestClient, ours: dict[str, str], path: str, body: Any) -> Any:
    """The answer to a body as Python spells it: NaN, half a surrogate pair and NUL too."""
    return client.post(path, content=json.dumps(body), headers={**ours, "Content-Type": "application/json"})


# --- a full disk ------------------------------------------------------------------------------------------------------


def test_on_a_full_disk_nothing_is_refused_and_nothing_said_of_the_servers_folders(
    client: TestClient,
    ours: dict[str, str],
    migrated: Path,
    full_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (full_disk / "filler").unlink()
    shutil.copy(migrated, full_disk)
    engine, store = connect(f"sqlite:///{full_disk / migrated.name}"), Store(str(full_disk / "store"))
    monkeypatch.setattr(routes, "engine", lambda: engine)
    monkeypatch.setattr(routes, "store", lambda: store)
    with writing(engine) as session:
        repaired, judged = add_examples(session, store, 2)
    fix = {"verdicts": [given(repaired, decision="fix")]}
    assert post(client, ours, "/api/verdicts", fix).json()["taken"] == 1
    begun = post(client, ours, "/api/touchups/begin", {"example": repaired, "page": "p"}).json()
    painted = {"touch_up": begun["touch_up"], "page": "p", "mask": base64_png(9)}
    (full_disk / "filler").write_bytes(bytes(shutil.disk_usage(full_disk).free))

    answers = [
        post(client, ours, "/api/verdicts", {"verdicts": [given(judged, f"{n}" * 64)]}) for n in range(5)
    ]  # the write-ahead log has room for some
    full = [answer for answer in answers if answer.status_code != 200]
    full.append(post(client, ours, "/api/touchups/save", painted))
    assert len(full) > 1
    assert {answer.status_code for answer in full} == {507}
    assert {answer.json()["error"] for answer in full} == {
        "The disk of Winnow’s server is full. Ask your lead to free some space."
    }
    assert str(full_disk) in caplog.text  # whoever runs the server reads where

    (full_disk / "filler").unlink()
    again = [post(client, ours, "/api/verdicts", {"verdicts": [given(judged, f"{n}" * 64)]}) for n in range(5)]
    again.append(post(client, ours, "/api/touchups/save", painted))
    assert {answer.status_code for answer in again} == {200}
    with reading(engine) as session:
        assert len(stored(engine)) == 6
        assert session.scalar(select(func.count()).select_from(TouchUpSave)) == 1
    engine.dispose()


# --- malformed bodies -------------------------------------------------------------------------------------------------


@on_both_servers
@pytest.mark.parametrize(
    "bad",
    [
        given(1, "\ud800"),
        given(1, "a\0b"),
        given(1, 2**70),
        given(1, None),
        given(1, "two words"),
        given(2**63, "big"),
        given(-(2**63) - 1, "big"),
        given(1, "why", reason="\ud800"),
        given(1, "mask", mask="\0" * 64),
        "no verdict",
        None,
        [[[]]],
    ],
    ids=repr,
)
def test_one_malformed_verdict_is_refused_alone(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int], bad: Any
) -> None:
    answer = post(client, ours, "/api/verdicts", {"verdicts": [given(examples[0], "a"), bad, given(examples[1], "b")]})
    assert answer.status_code == 200
    assert stored(engine) == ["a", "b"]
    assert set(answer.json()["ids"]) == {"a", "b"}
    (refused,) = answer.json()["refused"]
    assert refused["index"] == 1
    assert refused["error"].startswith("This verdict is not valid: ")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 5000])
def test_what_is_no_number_in_json_is_400(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int], number: str
) -> None:
    body = f'{{"verdicts": [{{"example": {examples[0]}, "decision": "keep", "client_id": {number}}}]}}'
    answer = client.post("/api/verdicts", content=body, headers={**ours, "Content-Type": "application/json"})
    if number == "1e400":  # which JSON allows, and Python reads as infinity
        assert [one["index"] for one in answer.json()["refused"]] == [0]
    else:
        assert (answer.status_code, answer.json()["error"]) == (400, "The request's body is not valid JSON.")
    assert stored(engine) == []


@on_both_servers
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/deck", {"count": 1, "since": 2**70}),
        ("/api/deck", {"count": 1, "wanted": {"reviewer": "\0"}}),
        ("/api/deck", {"count": 1, "wanted": {"reviewer": "\udfff"}}),
        ("/api/touchups/begin", {"example": 1, "page": "\0"}),
        ("/api/touchups/begin", {"example": 1, "page": "p", "start_from": "\ud800"}),
        ("/api/aside", {"after": 2**63}),
        ("/api/aside/choose", {"submission": 1, "square": {"top": 1e999, "left": 0, "side": 1}}),
    ],
)
def test_what_no_database_can_hold_is_400(client: TestClient, ours: dict[str, str], path: str, body: Any) -> None:
    assert post(client, ours, path, body).status_code == 400


@on_both_servers
@pytest.mark.parametrize("path", ["/pictures/aside/99999999999999999999", "/pictures/refinement/99999999999999999999/after"])
def test_a_number_in_an_address_that_no_database_can_hold_names_nothing(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_body_that_never_ends_is_given_up(client: TestClient, ours: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MAX_BODY_SECONDS", 0.01)
    headers = {**ours, "Host": "localhost", "Content-Type": "application/json"}
    names = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/deck",
        "headers": names,
        "query_string": b"",
        "scheme": "http",
        "client": HERE,
    }
    chunks = [{"type": "http.request", "body": b"{", "more_body": True}]
    sent: list[Any] = []

    async def receive() -> Any:
        return chunks.pop() if chunks else await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


# --- too much ---------------------------------------------------------------------------------------------------------


def test_nobody_renews_what_another_holds_or_nobody_was_dealt(
    client: TestClient, ours: dict[str, str], engine: Engine, store: Store
) -> None:
    with writing(engine) as session:
        everything = add_examples(session, store, 12)
        bo = reviewer_called(session, "Bo").id
        theirs = [card.example for card in deal(session, bo, 4, utc_now()).cards]
    cards = post(client, ours, "/api/deck", {"count": 3, "held": everything}).json()["cards"]
    assert cards == []  # the page has all of them already, so it says
    with reading(engine) as session:
        assert set(leased_by(session, bo)) == set(theirs)
        assert leased_by(session, reviewer_called(session, "Ada").id) == {}


def test_a_lease_that_ran_out_is_renewed_if_nobody_took_the_card(engine: Engine, store: Store) -> None:
    now = utc_now()
    with writing(engine) as session:
        add_examples(session, store, 3)
        ada, bo = (reviewer_called(session, name).id for name in ("Ada", "Bo"))
        held = [card.example for card in deal(session, ada, 2, now).cards]
        late = now + 2 * LEASE
        assert len(deal(session, bo, 1, late, held=[held[1]]).cards) == 1  # takes the first, or the third
        deal(session, ada, 0, late, held)
        mine = leased_by(session, ada)
    assert mine[held[1]] == late + LEASE


def test_a_reviewer_holds_no_more_than_any_page_shows(engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curator.review.deck.MOST_HELD", 5)
    with writing(engine) as session:
        add_examples(session, store, 8)
        ada = reviewer_called(session, "Ada").id
        held: list[int] = []
        for dealt, too_many in ((4, False), (1, True), (0, True)):
            hand = deal(session, ada, 4, utc_now(), held)
            assert (len(hand.cards), hand.too_many) == (dealt, too_many)
            held += [card.example for card in hand.cards]
        assert len(deal(session, ada, 4, utc_now()).cards) == 4  # after a reload: those that are leased already
    assert MOST_HELD >= 3 * 200


def test_a_script_is_slowed_down_and_what_it_sent_can_be_sent_again(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(routes, "VERDICTS", Allowance(at_once=2, per_second=1, clock=lambda: now))
    two = {"verdicts": [given(examples[0], "a"), given(examples[1], "b")]}
    one = {"verdicts": [given(examples[2], "c")]}
    assert post(client, ours, "/api/verdicts", two).status_code == 200
    assert post(client, ours, "/api/verdicts", one).status_code == 429
    bo = {"Origin": HOST, TOKEN_HEADER: token_for("Bo")}
    assert post(client, bo, "/api/verdicts", one).status_code == 200  # another reviewer notices nothing
    now = 1.0
    assert post(client, ours, "/api/verdicts", one).status_code == 200
    assert stored(engine) == ["a", "b", "c", "c"]


def test_requests_are_limited_too(client: TestClient, ours: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "REQUESTS", Allowance(at_once=3, per_second=0))
    assert [post(client, ours, "/api/deck", {"count": 0}).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_names_cannot_be_made_up_without_end_and_those_that_are_there_go_on(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "NAMES", Allowance(at_once=3, per_second=0))
    monkeypatch.setattr(allowance, "_known", set())
    with writing(engine) as session:
        reviewer_called(session, "Ada")

    def asks(name: str) -> int:
        return int(post(client, {"Origin": HOST, TOKEN_HEADER: token_for(name)}, "/api/deck", {"count": 1}).status_code)

    assert [asks(f"name {n}") for n in range(5)] == [200, 200, 200, 429, 429]
    assert asks("Ada") == asks("name 1") == 200
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(Reviewer)) == 4
