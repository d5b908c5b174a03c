"""The HTTP routes: what they answer, and which requests they refuse."""

import base64
import csv
import io
import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select, update
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curator.app import guard, routes, shield, state
from curator.app.guard import TOKEN_HEADER, session_cookie, token_for
from curator.app.routes import REPAIRED_SINCE, ROUTES
from curator.app.shield import middleware
from curator.review.standing import Counts
from curator.sets import packing
from curator.touchup.matting import Matting
from curator.touchup.superpixels import superpixels
from db.jobs import enqueue, running_job, utc_now
from db.secret import home_secret
from db.session import connect, reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import (
    Decision,
    Example,
    Job,
    JobState,
    Measure,
    Refinement,
    Reviewer,
    Split,
    Standing,
    Submission,
    TouchUp,
    TouchUpSave,
    Verdict,
)
from tests.examples import add_examples, add_faceless, drawn_mask, drawn_photo, png
from tests.locking import locked_by_another
from tests.trained import add_run, freeze_all

HOST = "http://localhost"
HERE = ("127.0.0.1", 50_000)  # a browser on this machine
POSTS = [
    *("/api/deck", "/api/deck/leave", "/api/verdicts", "/api/verdicts/mine", "/api/gold", "/api/touchups/begin"),
    *("/api/touchups/save", "/api/touchups/finish"),
    *("/api/touchups/resume", "/api/touchups/presence", "/api/touchups/discard", "/api/touchups/versions"),
    *("/api/touchups/refine", "/api/touchups/foreground", "/api/touchups/matte"),
    *(
        "/api/aside",
        "/api/aside/choose",
        "/api/aside/undo",
        "/api/aside/discard",
        "/api/aside/restore",
        "/api/navigation",
        "/api/ingested",
    ),
]
CODES = {400: "malformed", 404: "not_there", 409: "impossible", 413: "too_large"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, settings: Settings, engine: Engine, store: Store) -> Iterator[TestClient]:
    for module in (routes, guard, shield):
        monkeypatch.setattr(module, "settings", lambda: settings, raising=False)
    monkeypatch.setattr(routes, "engine", lambda: engine)
    monkeypatch.setattr(routes, "store", lambda: store)
    served = Starlette(routes=ROUTES, middleware=middleware())
    yield TestClient(served, base_url=HOST, client=HERE, cookies=dict([session_cookie()]))
    state.settings.cache_clear()


@pytest.fixture
def ours(client: TestClient) -> dict[str, str]:
    """The headers of a request from Winnow's own page, used by Ada."""
    return {"Origin": HOST, TOKEN_HEADER: token_for("Ada")}


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 3)


def verdict(example: int, decision: str = "keep", reason: str | None = None, client_id: str = "one") -> dict[str, Any]:
    return {"verdicts": [{"example": example, "decision": decision, "reason": reason, "client_id": client_id}]}


def written(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(Verdict)) or 0


def test_healthz_asks_the_database(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/pictures/guide/good_1", "/pictures/aside/1"])
def test_a_database_that_does_not_answer_is_503_not_a_fault(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    gone = connect("postgresql://ada:secret@127.0.0.1:1/winnow")
    monkeypatch.setattr(routes, "engine", lambda: gone)
    answer = client.get(path)
    assert (answer.status_code, "secret" in answer.text) == (503, False)
    assert "does not answer right now" in answer.text
    assert answer.headers.get("cache-control") != "private, max-age=86400"


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_picture_is_immutable_typed_and_for_winnows_pages_only(client: TestClient, store: Store) -> None:
    data = png(drawn_mask(1))
    answer = client.get(f"/pictures/{store.put(data)}")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_jpeg_says_so_and_other_bytes_are_no_picture(client: TestClient, store: Store) -> None:
    jpeg, script = store.put(b"\xff\xd8\xff\xe0rest"), store.put(b"<script>alert(1)</script>")
    assert client.get(f"/pictures/{jpeg}").headers["content-type"] == "image/jpeg"
    page = client.get(f"/pictures/{script}")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        ("0" * 64, 404, "There is no such picture."),
        ("0" * 63, 400, "A picture is named by 64 hexadecimal digits."),
        ("A" * 64, 400, "A picture is named by 64 hexadecimal digits."),
        ("..%2f..%2fwinnow.db", 404, "Not Found"),
        ("..", 404, "Not Found"),
        ("0" * 63 + "%00", 400, "A picture is named by 64 hexadecimal digits."),
    ],
)
def test_pictures_that_are_not_there(client: TestClient, name: str, status: int, sentence: str) -> None:
    answer = client.get(f"/pictures/{name}")
    assert (answer.status_code, answer.text) == (status, sentence)


def test_a_damaged_picture_has_no_thumbnail_and_the_answer_says_why(client: TestClient, store: Store) -> None:
    whole = png(drawn_photo(1))
    for data in (whole[: len(whole) // 2], b"\xff\xd8\xff\xe0rest"):
        answer = client.get(f"/pictures/{store.put(data)}?side=192")
        assert (answer.status_code, answer.text) == (
            422,
            "This picture is damaged. `python -m curator check` lists all that are.",
        )
        assert "cache-control" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_thumbnail_is_small_square_webp_and_immutable_too(client: TestClient, store: Store) -> None:
    photo, mask = store.put(png(drawn_photo(1))), store.put(png(drawn_mask(1)))
    for sha256, mode in [(photo, cv2.IMREAD_COLOR), (mask, cv2.IMREAD_GRAYSCALE)]:
        answer = client.get(f"/pictures/{sha256}?side=192")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        small, whole = (
            cv2.imdecode(np.frombuffer(data, np.uint8), mode)
            for data in (answer.content, client.get(f"/pictures/{sha256}").content)
        )
        assert small is not None
        assert whole is not None
        assert small.shape[:2] == (192, 192)
        shrunk = cv2.resize(whole, (192, 192), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(float) - shrunk).mean() < 4


@pytest.mark.parametrize("side", ["191", "512", "0192", "192.0", "-192", "many", "%00"])
def test_a_thumbnail_of_another_side_is_refused(client: TestClient, store: Store, side: str) -> None:
    answer = client.get(f"/pictures/{store.put(png(drawn_mask(1)))}?side={side}")
    assert (answer.status_code, answer.text) == (400, "Thumbnails exist only with side=192.")
    assert "cache-control" not in answer.headers


def test_a_thumbnail_of_a_missing_picture_is_not_found(client: TestClient) -> None:
    assert client.get(f"/pictures/{'0' * 64}?side=192").status_code == 404


# --- the guard --------------------------------------------------------------------------------------------------------


def test_the_navigation_tells_counts_the_reviewers_clock_and_jobs(
    client: TestClient, ours: dict[str, str], engine: Engine, store: Store
) -> None:
    with writing(engine) as session:
        (example,) = add_examples(session, store, 1, Split.test)
        session.add(
            Job(kind="export", arguments=[], state=JobState.failed, message="No.", created_at=utc_now(), heartbeat_at=utc_now())
        )

    def asked(**form: Any) -> Any:
        return client.post("/api/navigation", headers=ours, json=form).json()

    first = asked()
    assert (first["counts"]["ingest"], first["counts"]["review"], first["counts"]["guide"]) == ("1", "1", "")
    assert (first["clock"], first["running"], first["ended"], first["newest"]) == (False, [], [], 1)
    (ended,) = asked(after=0, watched=[])["ended"]
    assert (ended["number"], ended["told"]["words"]) == (1, "The export failed: No.")
    assert ended["told"]["steps"] == [{"label": "Export", "page": "export"}]
    keep = {"example": example, "decision": "keep", "client_id": "1"}
    client.post("/api/verdicts", headers=ours, json={"verdicts": [keep]})
    client.post("/api/touchups/begin", headers=ours, json={"example": example, "page": "page"})
    now = asked()
    assert now["clock"]
    assert re.fullmatch(r"[12]:\d\d", now["counts"]["touchup"])


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"Origin": "http://evil.example"}, "This request comes from a page that is not Winnow's."),
        ({"Origin": "http://localhost:9999"}, "This request comes from a page that is not Winnow's."),
        ({"Origin": "https://localhost"}, "This request comes from a page that is not Winnow's."),
        ({"Origin": "null"}, "This request comes from a page that is not Winnow's."),
        ({"Origin": None}, "This request does not say which page it comes from (no Origin header)."),
        ({TOKEN_HEADER: None}, "This request has no token. Reload the page to continue; nothing is lost."),
        ({TOKEN_HEADER: "made.up.token"}, "This request's token is not valid. Reload the page to continue; nothing is lost."),
    ],
)
def test_a_request_from_a_foreign_page_is_refused(
    client: TestClient, ours: dict[str, str], path: str, change: dict[str, str | None], sentence: str
) -> None:
    headers = {name: value for name, value in {**ours, **change}.items() if value is not None}
    answer = client.post(path, json={}, headers=headers)
    code = "stale_page" if TOKEN_HEADER in change else "not_allowed"
    assert (answer.status_code, answer.json()) == (403, {"error": sentence, "code": code})


def test_a_token_signed_with_another_secret_is_refused(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int]
) -> None:
    forged = URLSafeTimedSerializer("guessed", salt="winnow-page").dumps({"reviewer": "Ada"})
    answer = client.post("/api/verdicts", json=verdict(examples[0]), headers={**ours, TOKEN_HEADER: forged})
    assert answer.status_code == 403
    assert written(engine) == 0


def test_a_token_older_than_a_day_is_refused(
    client: TestClient, ours: dict[str, str], monkeypatch: pytest.MonkeyPatch, examples: list[int]
) -> None:
    signed_at = TimestampSigner.get_timestamp
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: signed_at(self) + guard.TOKEN_SECONDS + 1)
    answer = client.post("/api/deck", json={"count": 1}, headers=ours)
    assert answer.status_code == 403
    said = "This page has been open for more than a day. Reload it to continue; nothing is lost."
    assert answer.json() == {"error": said, "code": "stale_page"}


@pytest.mark.parametrize("host", ["evil.example", "winnow.evil.example:8501", "localhost.evil.example", "192.168.1.7"])
def test_a_foreign_host_name_that_resolves_to_us_is_refused(client: TestClient, ours: dict[str, str], host: str) -> None:
    headers = {**ours, "Host": host, "Origin": f"http://{host}"}
    assert client.post("/api/deck", json={"count": 1}, headers=headers).status_code == 400
    assert client.get("/healthz", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_taken(client: TestClient, ours: dict[str, str], kind: str) -> None:
    answer = client.post("/api/deck", content=b'{"count": 1}', headers={**ours, "Content-Type": kind})
    assert (answer.status_code, answer.json()) == (415, {"error": "Send this request as application/json.", "code": "not_json"})


def test_an_oversized_body_is_refused_even_without_a_content_length(client: TestClient, ours: dict[str, str]) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"count": 1, "held": ['
        for _ in range(100):
            yield b"1," * 1000

    headers = {**ours, "Content-Type": "application/json"}
    for body in (b" " * (64 * 1024 + 1), pieces()):
        answer = client.post("/api/deck", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (
            413,
            {"error": "The request is larger than 64 KiB, the limit of this route.", "code": "too_large"},
        )


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 60000, b"NaN", b"[]", b'{"count": "many"}', b'{"count": -1}'])
def test_invalid_bodies_get_400(client: TestClient, ours: dict[str, str], body: bytes) -> None:
    answer = client.post("/api/deck", content=body, headers={**ours, "Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_the_secret_is_made_once_for_its_owner_only(client: TestClient, ours: dict[str, str], settings: Settings) -> None:
    file = settings.home / "secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_bytes()) == 64
    assert home_secret(settings.home) == file.read_bytes()
    assert [path.name for path in settings.home.iterdir() if path.name.startswith(".secret")] == []


# --- the deck ---------------------------------------------------------------------------------------------------------


def test_a_deck_is_dealt_by_consent_and_only_a_lead_reads_what_it_rests_on(
    client: TestClient,
    ours: dict[str, str],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,
    examples: list[int],
) -> None:
    with writing(engine) as session:
        submission = session.get_one(Example, examples[1]).submission
        submission.consent_basis, submission.subject = "signed by Nora Quist", "Nora Quist"
    asked = {"count": 3, "held": [], "wanted": {"consent": "recorded"}}
    for leading, terms in (("Ada", "Consent recorded · signed by Nora Quist"), ("Lea", "Consent recorded")):
        monkeypatch.setattr(guard, "settings", lambda leading=leading: settings.model_copy(update={"leads": leading}))
        (card,) = client.post("/api/deck", json=asked, headers=ours).json()["cards"]
        assert (card["example"], card["terms"]) == (examples[1], terms)
    assert client.post("/api/deck", json={"count": 1, "wanted": {"consent": "x"}}, headers=ours).status_code == 400


def test_the_deck_returns_cards_and_counts_for_the_tokens_reviewer(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int]
) -> None:
    said = client.post("/api/deck", json={"count": 2, "held": []}, headers=ours).json()
    assert [card["example"] for card in said["cards"]] == examples[:2]
    card = {"example", "image", "mask", "unknown", "photo", "split", "suspicion", "reasons", "drawn", "terms", "repaired_by"}
    assert set(said["cards"][0]) == {*card, "opinions"}
    assert said["counts"] == {"keep": 0, "reject": 0, "open": 3, "disputed": 0, "waiting": 0, "fix": 0, "repaired": 0}
    told = {"left": 3, "elsewhere": 0, "others": 0, "until": 0, "gone": [], "upto": 0, "since": 0}
    assert {key: said[key] for key in told} == told
    bo = {**ours, TOKEN_HEADER: token_for("Bo")}
    assert [card["example"] for card in client.post("/api/deck", json={"count": 9}, headers=bo).json()["cards"]] == [
        examples[2]
    ]
    with reading(engine) as session:
        assert set(session.scalars(select(Reviewer.name))) == {"Ada", "Bo"}


def test_a_filters_counts_are_about_it_and_the_end_says_what_is_elsewhere_and_what_others_have(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int]
) -> None:
    with writing(engine) as session:
        session.get_one(Example, examples[2]).split = session.get_one(Standing, examples[2]).split = Split.test
    client.post("/api/verdicts", json=verdict(examples[0]), headers=ours)
    bo = {**ours, TOKEN_HEADER: token_for("Bo")}
    asked = {"count": 3, "wanted": {"split": "train"}}
    client.post("/api/deck", json=asked, headers=bo)
    before = time.time() * 1000
    said = client.post("/api/deck", json=asked, headers=ours).json()
    assert (said["cards"], said["left"], said["elsewhere"], said["others"]) == ([], 1, 1, 1)
    assert before + 590_000 < said["until"] < before + 610_000
    assert (said["counts"]["keep"], said["counts"]["open"]) == (1, 1)
    again = client.post("/api/deck", json={"count": 3, "wanted": {"split": "train", "show": "all"}}, headers=ours).json()
    assert (again["left"], again["elsewhere"], again["others"]) == (2, 2, 1)
    assert client.post("/api/deck", json={"count": 1}, headers=ours).json()["elsewhere"] == 0


def test_an_empty_hand_knows_better_than_an_older_count_that_nothing_is_left(
    client: TestClient, ours: dict[str, str], monkeypatch: pytest.MonkeyPatch, examples: list[int]
) -> None:
    before = state.DeckCounts(Counts(keep=0, reject=0, open=3), left=3, elsewhere=0, upto=0)
    monkeypatch.setattr(routes, "deck_counts", lambda *_: before)

    def left(count: int, *held: int) -> int:
        return int(client.post("/api/deck", json={"count": count, "held": held}, headers=ours).json()["left"])

    assert left(3) == 3
    for example in examples:
        client.post("/api/verdicts", json=verdict(example, client_id=f"{example}"), headers=ours)
    # A renewal is dealt nothing, and a page with cards isn't at its end: both keep the older count.
    assert [left(3), left(0), left(3, examples[0])] == [0, 3, 3]


def test_a_page_that_closes_gives_back_its_cards_but_not_those_of_the_reviewers_other_pages(
    client: TestClient, ours: dict[str, str], examples: list[int]
) -> None:
    def dealt(page: str, headers: dict[str, str]) -> list[int]:
        said = client.post("/api/deck", json={"count": 3, "page": page}, headers=headers).json()
        return [card["example"] for card in said["cards"]]

    bo = {**ours, TOKEN_HEADER: token_for("Bo")}
    for page in ("tab 1", "tab 2"):
        assert dealt(page, ours) == examples
    client.post("/api/deck/leave", json={"page": "tab 1", "held": examples}, headers=ours)
    assert dealt("b", bo) == []
    client.post("/api/deck/leave", json={"page": "tab 2", "held": examples}, headers=bo)  # they are not Bo's
    assert dealt("b", bo) == []
    client.post("/api/deck/leave", json={"page": "tab 2", "held": examples[1:]}, headers=ours)
    assert dealt("b", bo) == examples[1:]


def test_a_reviewer_is_told_their_own_newest_verdicts_and_nobody_elses(
    client: TestClient, ours: dict[str, str], examples: list[int]
) -> None:
    def mine(headers: dict[str, str]) -> list[dict[str, Any]]:
        verdicts: list[dict[str, Any]] = client.post("/api/verdicts/mine", json={"count": 5}, headers=headers).json()[
            "verdicts"
        ]
        return verdicts

    client.post("/api/verdicts", json=verdict(examples[0], "reject", "too_coarse"), headers=ours)
    (told,) = mine(ours)
    assert {key: told[key] for key in ("did", "reason", "client_id")} == {
        "did": "reject", "reason": "too_coarse", "client_id": "one",
    }  # fmt: skip
    assert (told["card"]["example"], abs(told["at"] - time.time() * 1000) < 60_000) == (examples[0], True)
    assert mine({**ours, TOKEN_HEADER: token_for("Bo")}) == []
    assert client.post("/api/verdicts/mine", json={"count": 51}, headers=ours).status_code == 400


def test_a_verdict_is_answered_after_its_commit_and_recorded_once(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int]
) -> None:
    asked = verdict(examples[0], "reject", "too_coarse")
    for taken in (1, 0):
        answer = client.post("/api/verdicts", json=asked, headers=ours)
        assert answer.json() == {"taken": taken, "ids": {"one": 1}, "refused": []}
    with reading(engine) as session:  # a second connection sees it
        row = session.scalars(select(Verdict)).one()
        assert (row.example_id, row.decision, row.reason) == (examples[0], Decision.reject, "too_coarse")
        assert session.get_one(Reviewer, row.reviewer_id).name == "Ada"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"example": 999}, "Example 999 does not exist. It may have been erased."),
        ({"example": 2**63}, "example: Input should be less than or equal to"),
        ({"decision": "perhaps"}, "decision: Input should be 'keep', 'fix', 'reject' or 'undo'."),
        ({"reason": "ugly"}, "reason: Input should be 'no_face'"),
        ({"client_id": ""}, "client_id: String should have at least 1 character."),
        ({"client_id": "x" * 65}, "client_id: String should have at most 64 characters."),
        ({"reviewer": "Bo"}, "reviewer: Extra inputs are not permitted."),
    ],
)
def test_a_verdict_that_cannot_be_recorded_is_named_and_blocks_no_other(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int], change: dict[str, Any], says: str
) -> None:
    bad = verdict(examples[0])["verdicts"][0] | {"client_id": "bad"} | change
    good = verdict(examples[1], client_id="good")["verdicts"][0]
    answer = client.post("/api/verdicts", json={"verdicts": [bad, good]}, headers=ours)
    assert answer.status_code == 200
    (refused,) = answer.json()["refused"]
    assert refused["client_id"] == bad["client_id"]
    assert says in refused["error"]
    assert answer.json()["ids"] == {"good": 1}
    assert written(engine) == 1


def test_a_page_from_before_an_update_is_still_answered(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int]
) -> None:
    hand = client.post("/api/deck", json={"count": 3, "held": []}, headers=ours)  # as the first version's page asked
    assert [card["example"] for card in hand.json()["cards"]] == examples
    old = {"example": examples[0], "decision": "reject", "reason": None, "client_id": "kept-in-the-browser"}
    answer = client.post("/api/verdicts", json={"verdicts": [old]}, headers=ours)
    assert (answer.status_code, answer.json()["taken"], answer.json()["refused"]) == (200, 1, [])


def test_only_a_lead_settles_disagreements_and_sets_control_examples(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int], monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:  # fmt: skip
    monkeypatch.setattr(guard, "settings", lambda: settings.model_copy(update={"leads": "Lea, Max"}))
    only = "Only a lead may do this (see WINNOW_LEADS in docs/settings.md)."
    gold = {"example": examples[0], "decision": "keep"}
    settling = verdict(examples[0])["verdicts"][0] | {"settles": True}
    shows = [("/api/deck", {"count": 1, "wanted": {"show": show}}) for show in ("disputed", "repaired")]
    for path, asked in [("/api/gold", gold), *shows]:
        answer = client.post(path, json=asked, headers=ours)
        assert (answer.status_code, answer.json()) == (403, {"error": only, "code": "not_allowed"})
    answer = client.post("/api/verdicts", json={"verdicts": [settling]}, headers=ours)
    assert answer.json() == {"taken": 0, "ids": {}, "refused": [{"index": 0, "client_id": "one", "error": only}]}
    lea = {**ours, TOKEN_HEADER: token_for("Lea")}
    assert client.post("/api/gold", json=gold, headers=lea).json() == {"example": examples[0], "decision": "keep"}
    assert written(engine) == 1  # hers, which settles it


def test_a_mask_that_was_marked_fix_is_repaired_without_a_clock_and_dealt_to_another_reviewer_as_it_is_now(
    client: TestClient, ours: dict[str, str], examples: list[int]
) -> None:
    bo = {**ours, TOKEN_HEADER: token_for("Bo")}
    (seen, *_) = client.post("/api/deck", json={"count": 1}, headers=bo).json()["cards"]
    assert seen["example"] == examples[0]
    assert client.post("/api/verdicts", json=verdict(examples[0], "fix"), headers=bo).json()["taken"] == 1
    begun = client.post("/api/touchups/begin", json={"example": examples[0], "page": "p"}, headers=ours).json()
    assert (begun["seconds_shown"], begun["seconds_left"]) == (None, None)
    asked = {"touch_up": begun["touch_up"], "page": "p", "mask": base64_png(3)}
    repaired = client.post("/api/touchups/finish", json=asked, headers=ours).json()["mask"]
    late = verdict(examples[0], "keep", client_id="late")["verdicts"][0] | {"mask": seen["mask"]}
    answer = client.post("/api/verdicts", json={"verdicts": [late]}, headers=bo).json()
    assert answer == {"taken": 0, "ids": {}, "refused": [{"index": 0, "client_id": "late", "error": REPAIRED_SINCE}]}
    hand = client.post("/api/deck", json={"count": 3}, headers=bo).json()["cards"]
    assert {card["example"]: card["repaired_by"] for card in hand} == dict.fromkeys(examples) | {examples[0]: "Ada"}
    assert repaired in [card["mask"] for card in hand]


@pytest.mark.parametrize("asked", [{"verdicts": []}, {"verdicts": "keep"}, {}, {"verdicts": [{}] * 201}])
def test_a_body_without_verdicts_is_refused_whole(
    client: TestClient, ours: dict[str, str], engine: Engine, asked: dict[str, Any]
) -> None:
    assert client.post("/api/verdicts", json=asked, headers=ours).status_code == 400
    assert written(engine) == 0


# --- touch-ups --------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept_example(client: TestClient, ours: dict[str, str], engine: Engine, store: Store) -> int:
    """A kept example of the test split."""
    with writing(engine) as session:
        (number,) = add_examples(session, store, 1, Split.test)
    assert client.post("/api/verdicts", json=verdict(number), headers=ours).json()["taken"] == 1
    return number


def base64_png(number: int) -> str:
    return base64.b64encode(png(drawn_mask(number))).decode()


def test_a_touch_up_begins_saves_and_finishes(
    client: TestClient, ours: dict[str, str], engine: Engine, store: Store, kept_example: int
) -> None:
    begun = client.post("/api/touchups/begin", json={"example": kept_example, "page": "p"}, headers=ours).json()
    assert begun["seconds_shown"] == 120
    assert 115 < begun["seconds_left"] <= 120
    asked = {"touch_up": begun["touch_up"], "page": "p", "mask": base64_png(3)}
    saved = client.post("/api/touchups/save", json=asked, headers=ours).json()
    assert saved["mask"] != begun["mask"]
    assert store.get(saved["mask"])[:4] == b"\x89PNG"
    done = client.post("/api/touchups/finish", json={"touch_up": begun["touch_up"], "page": "p"}, headers=ours).json()
    assert (done["finished"], done["mask"]) == (True, saved["mask"])
    late = client.post("/api/touchups/save", json=asked, headers=ours)
    assert late.status_code == 409
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(TouchUpSave)) == 2
        assert session.get_one(Example, kept_example).mask_sha256 == begun["before"]


def test_a_stroke_that_comes_after_the_time_is_up_is_refused_with_a_code_for_it(
    client: TestClient, ours: dict[str, str], engine: Engine, kept_example: int
) -> None:
    begun = client.post("/api/touchups/begin", json={"example": kept_example, "page": "p"}, headers=ours).json()
    with writing(engine) as session:
        session.execute(update(TouchUp).values(started_at=utc_now() - timedelta(seconds=124)))
    asked = {"touch_up": begun["touch_up"], "page": "p", "mask": base64_png(3)}
    for path in ("save", "finish"):
        late = client.post(f"/api/touchups/{path}", json=asked, headers=ours)
        assert (late.status_code, late.json()["code"]) == (409, "time_up"), path
    assert client.post("/api/touchups/finish", json={**asked, "mask": None}, headers=ours).json()["finished"]


@pytest.mark.parametrize(
    ("path", "asked", "status", "says"),
    [
        ("begin", {"example": 999, "page": "p"}, 404, "Example 999 does not exist. It may have been erased."),
        (
            "save",
            {"touch_up": 999, "page": "p", "mask": base64_png(1)},
            404,
            "Touch-up 999 does not exist. It may have been erased.",
        ),
        ("save", {"touch_up": 1, "page": "p", "mask": "%%%"}, 400, "The mask is not valid base64."),
        ("save", {"touch_up": 1, "page": "p", "mask": "PGh0bWw+"}, 409, "The mask is not a PNG."),
        ("finish", {"touch_up": 999, "page": "p"}, 404, "Touch-up 999 does not exist. It may have been erased."),
        ("resume", {"touch_up": 999, "page": "p"}, 404, "Touch-up 999 does not exist. It may have been erased."),
        ("discard", {"touch_up": 999}, 404, "Touch-up 999 does not exist. It may have been erased."),
        ("versions", {"example": 999}, 404, "Example 999 does not exist. It may have been erased."),
        (
            "presence",
            {"touch_up": 999, "page": "p", "presence": "left"},
            404,
            "Touch-up 999 does not exist. It may have been erased.",
        ),
    ],
)
def test_impossible_touch_ups_are_refused(
    client: TestClient, ours: dict[str, str], path: str, asked: dict[str, Any], status: int, says: str
) -> None:
    answer = client.post(f"/api/touchups/{path}", json=asked, headers=ours)
    assert (answer.status_code, answer.json()) == (status, {"error": says, "code": CODES[status]})


def test_a_reviewer_cannot_save_another_reviewers_touch_up(client: TestClient, ours: dict[str, str], kept_example: int) -> None:
    begun = client.post("/api/touchups/begin", json={"example": kept_example, "page": "p"}, headers=ours).json()
    bo = {**ours, TOKEN_HEADER: token_for("Bo")}
    answer = client.post(
        "/api/touchups/save", json={"touch_up": begun["touch_up"], "page": "p", "mask": base64_png(1)}, headers=bo
    )
    assert (answer.status_code, answer.json()) == (
        409,
        {"error": "This touch-up belongs to another reviewer.", "code": "impossible"},
    )


# --- Refine -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def refining(monkeypatch: pytest.MonkeyPatch, matting: Matting) -> None:
    monkeypatch.setattr(routes, "matting", lambda: matting)


def grey(text: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def b64(picture: NDArray[np.uint8]) -> str:
    return base64.b64encode(png(picture)).decode()


@pytest.mark.usefixtures("refining")
def test_refine_answers_with_the_alpha_the_box_and_the_time_and_writes_nothing(
    client: TestClient, ours: dict[str, str], engine: Engine, examples: list[int], store: Store
) -> None:
    stored = set(store.all())
    mask = drawn_mask(0)
    whole = client.post("/api/touchups/refine", json={"example": examples[0], "mask": b64(mask)}, headers=ours)
    assert whole.status_code == 200
    assert set(whole.json()) == {"alpha", "box", "seconds"}
    top, left, bottom, right = whole.json()["box"]
    alpha = grey(whole.json()["alpha"])
    rows, columns = np.nonzero(alpha != mask)
    assert top <= rows.min() < rows.max() < bottom
    assert left <= columns.min() < columns.max() < right
    assert whole.json()["seconds"] > 0
    hints = np.zeros((512, 512), np.uint8)
    hints[60:80, 240:270] = 2
    asked = {"example": examples[0], "mask": b64(mask), "hints": b64(hints), "box": [40, 220, 100, 290]}
    part = client.post("/api/touchups/refine", json=asked, headers=ours).json()
    assert not grey(part["alpha"])[hints == 2].any()
    top, left, bottom, right = part["box"]
    assert 40 <= top < bottom <= 100
    assert 220 <= left < right <= 290
    assert set(store.all()) == stored
    with writing(engine) as session:
        session.get_one(Example, examples[0]).unknown_sha256 = store.put(png(mask))
    nothing = client.post("/api/touchups/refine", json={"example": examples[0], "mask": b64(mask)}, headers=ours).json()
    assert not grey(nothing["alpha"])[mask > 0].any()


@pytest.mark.usefixtures("refining")
@pytest.mark.parametrize("path", ["refine", "foreground"])
@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"example": 999}, 404, "Example 999 does not exist. It may have been erased."),
        ({"mask": "%%%"}, 400, "The mask is not valid base64."),
        ({"mask": "PGh0bWw+"}, 409, "The mask is not a PNG."),
        ({"mask": b64(np.zeros((9, 9), np.uint8))}, 409, "The mask is 9 x 9; it must be 512 x 512."),
        ({"mask": "A" * 1_100_000}, 413, "The request is larger than 1024 KiB, the limit of this route."),
        ({"mask": None}, 400, "The request is not valid: mask: Input should be a valid string."),
    ],
)
def test_what_cannot_be_refined_is_refused(
    client: TestClient, ours: dict[str, str], examples: list[int], path: str, changes: dict[str, Any], status: int, says: str
) -> None:
    asked = {"example": examples[0], "mask": base64_png(1)} | changes
    answer = client.post(f"/api/touchups/{path}", json=asked, headers=ours)
    assert (answer.status_code, answer.json()) == (status, {"error": says, "code": CODES[status]})


@pytest.mark.usefixtures("refining")
@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"hints": b64(np.full((512, 512), 4, np.uint8))}, 400, "A hint is 0 (none), 1 (hair), 2 (not hair) or 3 (unknown)."),
        ({"box": [9, 0, 9, 9]}, 400, "The box is empty. It is top, left, bottom, right, in pixels of the crop."),
        ({"box": [0, 0, 513, 9]}, 400, "The request is not valid: box.2: Input should be less than or equal to 512."),
        ({"box": [0, 0, 9]}, 400, "The request is not valid: box.3: Field required."),
    ],
)
def test_wrong_hints_and_boxes_are_refused(
    client: TestClient, ours: dict[str, str], examples: list[int], changes: dict[str, Any], status: int, says: str
) -> None:
    asked = {"example": examples[0], "mask": base64_png(1)} | changes
    answer = client.post("/api/touchups/refine", json=asked, headers=ours)
    assert (answer.status_code, answer.json()) == (status, {"error": says, "code": CODES[status]})


def test_while_refine_warms_up_the_answer_is_503_and_says_so(
    client: TestClient, ours: dict[str, str], examples: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cold = Matting(tmp_path)
    monkeypatch.setattr(routes, "matting", lambda: cold)
    answer = client.post("/api/touchups/refine", json={"example": examples[0], "mask": base64_png(1)}, headers=ours)
    cold.close()
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("Refine is warming up.")


@pytest.mark.usefixtures("refining")
def test_the_foreground_is_a_picture_of_colours(client: TestClient, ours: dict[str, str], examples: list[int]) -> None:
    answer = client.post("/api/touchups/foreground", json={"example": examples[0], "mask": base64_png(1)}, headers=ours)
    assert answer.status_code == 200
    assert grey(answer.json()["colours"]).shape == (512, 512, 3)


def test_superpixels_are_an_immutable_png_of_an_examples_picture_and_of_no_other(
    client: TestClient, engine: Engine, examples: list[int], store: Store
) -> None:
    with reading(engine) as session:
        sha256 = session.get_one(Example, examples[0]).image_sha256
    answer = client.get(f"/pictures/superpixels/{sha256}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.content == superpixels(drawn_photo(0))
    other = client.get(f"/pictures/superpixels/{store.put(png(drawn_photo(99)))}")
    assert (other.status_code, other.text) == (404, "No example has this picture. It may have been erased.")
    assert client.get("/pictures/superpixels/0").status_code == 400


def test_the_newest_runs_matte_is_named_and_without_one_the_answer_says_what_to_do(
    client: TestClient, ours: dict[str, str], engine: Engine, store: Store, examples: list[int]
) -> None:
    with writing(engine) as session:
        tested = add_examples(session, store, 1, Split.test)
        run = add_run(session, store, freeze_all(session, [*examples, *tested], utc_now()), utc_now())
        matte = session.scalars(select(Measure.matte_sha256)).one()
    answer = client.post("/api/touchups/matte", json={"example": tested[0]}, headers=ours)
    assert answer.json() == {"run": run, "matte": matte, "made_for": "report"}
    none = client.post("/api/touchups/matte", json={"example": examples[0]}, headers=ours)
    assert none.status_code == 404
    assert none.json()["error"].startswith(f"No run has saved a matte of example {examples[0]} yet.")


def test_a_refinements_sides_are_pictures(client: TestClient, engine: Engine, store: Store, examples: list[int]) -> None:
    with writing(engine) as session:
        before = session.get_one(Example, examples[0]).mask_sha256
        alpha = store.put(png(drawn_mask(5)))
        session.add(
            Refinement(
                example_id=examples[0], mask_before_sha256=before, alpha_sha256=alpha, method="m", iou=0.5, at=utc_now()
            )
        )  # fmt: skip
    pictures = [client.get(f"/pictures/refinement/1/{side}") for side in ("before", "after")]
    assert [one.headers["content-type"] for one in pictures] == ["image/webp", "image/webp"]
    assert pictures[0].content != pictures[1].content
    assert client.get("/pictures/refinement/1/between").status_code == 404
    assert client.get("/pictures/refinement/2/after").text == "Refinement 2 does not exist. It may have been erased."


# --- the verdict log --------------------------------------------------------------------------------------------------


def test_the_log_holds_everybodys_verdicts_for_a_lead_and_ones_own_for_others(
    client: TestClient, ours: dict[str, str], examples: list[int], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "settings", lambda: settings.model_copy(update={"leads": "Lea"}))
    client.post("/api/verdicts", json=verdict(examples[0]), headers=ours)
    client.post("/api/verdicts", json=verdict(examples[1]), headers={**ours, TOKEN_HEADER: token_for("Bo")})
    logs = {}
    for who in ("Ada", "Lea", "Cy"):
        answer = client.get("/api/verdicts.csv", params={"token": token_for(who, guard.DOWNLOAD)})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="winnow-verdicts.csv"'
        assert answer.headers["cache-control"] == "no-store"
        logs[who] = [row["reviewer"] for row in csv.DictReader(io.StringIO(answer.text))]
    assert logs == {"Ada": ["Ada"], "Lea": ["Ada", "Bo"], "Cy": []}


def test_a_download_needs_a_token_made_for_it_which_is_good_for_nothing_else(
    client: TestClient, ours: dict[str, str], examples: list[int], engine: Engine
) -> None:
    for token in ("", "forged", token_for("Ada")):
        answer = client.get("/api/verdicts.csv", params={"token": token})
        assert answer.status_code == 403
        assert "Reload the page" in answer.text
    headers = {**ours, TOKEN_HEADER: token_for("Ada", guard.DOWNLOAD)}
    assert client.post("/api/verdicts", json=verdict(examples[0]), headers=headers).status_code == 403
    assert written(engine) == 0


def test_a_packed_set_is_for_the_lead_who_asked_for_it(
    monkeypatch: pytest.MonkeyPatch, client: TestClient, settings: Settings, engine: Engine
) -> None:
    with running_job(engine, packing.KIND, packing.arguments(3, "coco", "Ada"), None) as progress:
        settings.downloads.mkdir(parents=True)
        (settings.downloads / f"{progress.number}.zip").write_bytes(b"PK")

    def asked(token: str, job: int = progress.number) -> Any:
        return client.get(f"/api/packed-sets/{job}", params={"token": token})

    answer = asked(token_for("Ada", guard.DOWNLOAD_SET))
    assert (answer.status_code, answer.content) == (200, b"PK")
    assert answer.headers["content-disposition"] == 'attachment; filename="winnow-set-3-coco.zip"'
    assert answer.headers["cache-control"] == "no-store"
    for token in ("", token_for("Ada"), token_for("Ada", guard.DOWNLOAD)):
        assert asked(token).status_code == 403
    assert asked(token_for("Bo", guard.DOWNLOAD_SET)).status_code == 404
    assert asked(token_for("Ada", guard.DOWNLOAD_SET), progress.number + 1).status_code == 404
    monkeypatch.setattr(guard, "settings", lambda: settings.model_copy(update={"leads": "Bo"}))
    assert asked(token_for("Ada", guard.DOWNLOAD_SET)).status_code == 403


def test_streamlit_app_serves_these_routes() -> None:
    door = (Path(__file__).parents[3] / "streamlit_app.py").read_text()
    assert "routes=[*ROUTES, *UPLOAD_ROUTES]" in door
    assert "middleware=[*middleware(), Middleware(FirstView)]" in door


def test_only_hosts_in_the_settings_are_served(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, engine: Engine, ours: dict[str, str], examples: list[int]
) -> None:
    named = settings.model_copy(update={"hosts": "winnow.example.com, hair.example.com"})
    for module in (guard, shield):
        monkeypatch.setattr(module, "settings", lambda: named)
    at_home = Starlette(routes=ROUTES, middleware=middleware())
    for host, status in [("winnow.example.com", 200), ("hair.example.com", 200), ("evil.example.com", 400)]:
        client = TestClient(at_home, base_url=f"http://{host}")
        answer = client.post("/api/deck", json={"count": 1}, headers={**ours, "Origin": f"http://{host}"})
        assert answer.status_code == status
    client = TestClient(at_home, base_url="http://winnow.example.com")
    foreign = {**ours, "Origin": "http://hair.example.com"}
    assert client.post("/api/deck", json={"count": 1}, headers=foreign).status_code == 403


def test_a_page_answers_only_the_one_who_is_signed_in(
    client: TestClient, ours: dict[str, str], monkeypatch: pytest.MonkeyPatch, settings: Settings, examples: list[int]
) -> None:
    named = settings.model_copy(update={"user_header": "X-Forwarded-User"})
    for module in (guard, shield, routes):
        monkeypatch.setattr(module, "settings", lambda: named)
    for who, status in [("Ada", 200), ("Bo", 403)]:
        answer = client.post("/api/verdicts", json=verdict(examples[0]), headers={**ours, "X-Forwarded-User": who})
        assert answer.status_code == status
        log = client.get(
            "/api/verdicts.csv", params={"token": token_for("Ada", guard.DOWNLOAD)}, headers={"X-Forwarded-User": who}
        )
        assert log.status_code == status
    said = "Somebody else is signed in now. Reload the page to continue; nothing is lost."
    assert answer.json() == {"error": said, "code": "stale_page"}


# --- the tray ---------------------------------------------------------------------------------------------------------


def test_what_an_ingest_has_added_is_told_from_where_the_page_is(
    client: TestClient, ours: dict[str, str], engine: Engine, store: Store
) -> None:
    job = enqueue(engine, "ingest", ["street.zip"], utc_now())
    with writing(engine) as session:
        add_examples(session, store, 2)
        (faceless,) = add_faceless(session, store, 1)
        session.execute(update(Submission).values(job_id=job))
        others = add_examples(session, store, 1)
    answer = client.post("/api/ingested", json={"job": job}, headers=ours).json()
    assert (answer["photos"], answer["runs"]) == (3, True)
    tiles = answer["tiles"]
    assert [tile["submission"] for tile in tiles] == [faceless, 2, 1]
    assert [tile["image"] is None for tile in tiles] == [True, False, False]
    assert {key: tiles[2][key] for key in ("photo", "unknown")} == {"photo": "head-000.png", "unknown": None}
    after = client.post("/api/ingested", json={"job": job, "after": 2}, headers=ours).json()
    assert [tile["submission"] for tile in after["tiles"]] == [faceless]
    assert (after["photos"], others) == (3, [3])
    nobody = client.post("/api/ingested", json={"job": 99}, headers=ours).json()
    assert nobody == {"tiles": [], "photos": 0, "runs": False}


def test_photos_without_a_face_come_in_turn_and_accept_a_square_a_discard_and_an_undo(
    client: TestClient, ours: dict[str, str], engine: Engine, store: Store
) -> None:
    with writing(engine) as session:
        first, second, third = add_faceless(session, store, 3)
    answer = client.post("/api/aside", json={"count": 2}, headers=ours).json()
    assert [photo["submission"] for photo in answer["photos"]] == [first, second]
    assert answer["left"] == 3
    (last,) = client.post("/api/aside", json={"after": second}, headers=ours).json()["photos"]
    assert last["submission"] == third
    square = {"top": 0.0, "left": 10.0, "side": 300.0, "rotation": 12.0}
    assert client.post("/api/aside/choose", json={"submission": first, "square": square}, headers=ours).json() == {"left": 2}
    assert client.post("/api/aside/choose", json={"submission": second, "square": None}, headers=ours).json() == {"left": 1}
    with reading(engine) as session:
        example = session.scalars(select(Example)).one()
        assert (example.submission_id, example.crop_side, example.crop_rotation) == (first, 300.0, 12.0)
    back = client.post("/api/aside/undo", json={"submission": second}, headers=ours).json()
    assert (back["photo"]["submission"], back["left"]) == (second, 2)


def test_several_photos_are_discarded_at_once_each_judged_for_itself_and_taken_back_together(
    client: TestClient, ours: dict[str, str], engine: Engine, store: Store
) -> None:
    with writing(engine) as session:
        first, second, third = add_faceless(session, store, 3)
    bo = {**ours, TOKEN_HEADER: token_for("Bo")}
    client.post("/api/aside/choose", json={"submission": second, "square": None}, headers=bo)
    answer = client.post("/api/aside/discard", json={"submissions": [first, second, 99, third, first]}, headers=ours)
    assert answer.json() == {
        "refused": [
            {"submission": second, "error": f"Photo {second} has been discarded already.", "code": "already_decided"},
            {"submission": 99, "error": "There is no photo with the number 99.", "code": "not_there"},
        ],
        "left": 0,
    }
    back = client.post("/api/aside/restore", json={"submissions": [third, second, first, 99]}, headers=ours).json()
    assert ([photo["submission"] for photo in back["photos"]], back["left"]) == ([third, first], 2)
    assert [(one["submission"], one["code"]) for one in back["refused"]] == [(second, "impossible"), (99, "not_there")]
    many = {"submissions": list(range(1, 102))}
    assert client.post("/api/aside/discard", json=many, headers=ours).json()["code"] == "malformed"


@pytest.mark.parametrize(
    ("square", "status", "sentence"),
    [
        ({"top": 0, "left": 0, "side": 20}, 409, "The crop's side is 20 pixels of the photo; it must be 64 to 1536."),
        ({"top": 0, "left": 0, "side": 300, "rotation": 181}, 400, "square.rotation"),
        ({"top": 0, "left": 0}, 400, "square.side: Field required"),
        ({"top": 0, "left": 0, "side": 1e9}, 400, "square.side"),
    ],
)
def test_a_square_that_makes_no_crop_is_refused_with_a_reason(
    client: TestClient, ours: dict[str, str], engine: Engine, store: Store, square: dict[str, float], status: int, sentence: str
) -> None:
    with writing(engine) as session:
        (number,) = add_faceless(session, store, 1)
    body = json.dumps({"submission": number, "square": square})
    answer = client.post("/api/aside/choose", content=body, headers={**ours, "Content-Type": "application/json"})
    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert client.post("/api/aside", json={}, headers=ours).json()["left"] == 1


def test_a_photo_without_a_face_is_shown_with_its_mask_below(client: TestClient, engine: Engine, store: Store) -> None:
    with writing(engine) as session:
        (number,) = add_faceless(session, store, 1)
    answer = client.get(f"/pictures/aside/{number}?v=1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"] == "private, max-age=86400"
    both = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert both is not None
    assert both.shape == (1024, 512, 3)
    small = cv2.imdecode(np.frombuffer(client.get(f"/pictures/aside/{number}?side=320").content, np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert small.shape == (640, 320, 3)
    assert client.get(f"/pictures/aside/{number}?side=99").status_code == 400
    assert (client.get("/pictures/aside/99").status_code, client.get("/pictures/aside/x").status_code) == (404, 404)


# --- the database is locked or gone ----------------------------------------------------------------------------------


def test_a_verdict_that_cannot_be_recorded_now_is_asked_for_again(
    client: TestClient, ours: dict[str, str], settings: Settings, examples: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = connect(settings.database, busy_seconds=0.01)
    monkeypatch.setattr(routes, "engine", lambda: impatient)
    with locked_by_another(impatient):
        answer = client.post("/api/verdicts", json=verdict(examples[0]), headers=ours)
    assert answer.status_code == 503  # the page keeps the verdict, and sends it again
    assert answer.json() == {"error": "Winnow’s database is busy. Try again in a moment.", "code": "database_busy"}
    assert client.post("/api/verdicts", json=verdict(examples[0]), headers=ours).json()["taken"] == 1
    impatient.dispose()
