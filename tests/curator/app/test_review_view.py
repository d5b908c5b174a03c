"""The review page's address: which filters it sets, in which words, and what the pages of one and of forty are asked for."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select
from streamlit.testing.v1 import AppTest

from curator.app.routes import DeckForm, next_cards
from curator.app.wording import literal
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import writing
from db.settings import read_settings
from db.store import Store
from db.tables import Decision, Example, Lease, Reason, Source, Split, TouchUp
from tests.examples import LONG_AGO, add_examples

PAGE = Path(__file__).parents[3] / "curator/app/views/review.py"
QUEUE = [1, 4, 5, 7]


@pytest.fixture
def judged(home: Engine) -> Engine:
    """Four of the train split from one source, then three of the test split from another; Bo has judged 2, 3 and 6."""
    with writing(home) as session:
        store = Store(read_settings().store)
        add_examples(session, store, 4)
        add_examples(session, store, 3, Split.test)
        for source, name in zip(session.scalars(select(Source).order_by(Source.id)), ["selfies.zip", "*lfw* <b>"], strict=True):
            source.location = name
        bo = reviewer_called(session, "Bo").id
        given = [(2, Decision.reject, Reason.too_coarse), (3, Decision.keep, None), (6, Decision.reject, Reason.not_hair)]
        record(session, bo, [NewVerdict(one, decision, why, f"bo {one}") for one, decision, why in given], utc_now())
        before = session.get_one(Example, 5).mask_sha256
        session.add(TouchUp(example_id=5, reviewer_id=bo, seconds_shown=120, started_at=LONG_AGO, mask_before_sha256=before))
    return home


class Review:
    """The page, and what it asks its deck or grid for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
        self.engine = engine
        self.shown = ""
        self.wanted: dict[str, Any] = {}
        for name in ("deck", "grid"):
            monkeypatch.setattr(f"curator.app.components.{name}.{name}", self.in_place_of(name))

    def in_place_of(self, name: str) -> Any:
        def show(reviewer: str, wanted: dict[str, Any], clear: Any, *, lead: bool) -> None:
            self.shown, self.wanted = name, wanted

        return show

    def opened(self, query: dict[str, str]) -> AppTest:
        page = AppTest.from_file(PAGE, default_timeout=60)
        page.query_params.update(query)
        page.run()
        assert not page.exception
        return page

    def dealt(self) -> list[int]:
        """What the page's deck or grid is dealt, whoever asks first."""
        with writing(self.engine) as session:
            session.execute(delete(Lease))
        cards = next_cards("Ada", DeckForm.model_validate({"count": 40, "wanted": self.wanted}))["cards"]
        return sorted(card["example"] for card in cards)


@pytest.fixture
def review(monkeypatch: pytest.MonkeyPatch, judged: Engine) -> Review:
    return Review(monkeypatch, judged)


def words(page: AppTest) -> str:
    """The line above the picture: what was chosen instead of all that is to review."""
    return " ".join(one.proto.body for one in page.get("html"))


@pytest.mark.parametrize(
    ("query", "wanted", "said"),
    [
        ({}, QUEUE, None),
        ({"show": "unseen"}, [1, 2, 3, 4, 5, 6, 7], "Not yet seen by me"),
        ({"show": "all"}, [1, 2, 3, 4, 5, 6, 7], "All"),
        ({"show": "touched"}, [5], "Touched up"),
        ({"source": "1"}, [1, 4], "from selfies.zip"),
        ({"source": "2"}, [5, 7], "from *lfw* &lt;b&gt;"),
        ({"split": "test"}, [5, 7], "test split"),
        ({"reason": "too_coarse"}, [2], "rejected: too coarse"),
        ({"reviewer": "Bo"}, [2, 3, 6], "judged by Bo"),
        ({"show": "all", "split": "test", "order": "source"}, [5, 6, 7], "By source · All · test split"),
        (
            {"reviewer": "Bo", "split": "train", "reason": "too_coarse"},
            [2],
            "train split · rejected: too coarse · judged by Bo",
        ),
    ],
)
def test_each_filter_narrows_what_is_dealt_and_is_shown_in_words(
    review: Review, query: dict[str, str], wanted: list[int], said: str | None
) -> None:
    page = review.opened({"view": "grid", **query})
    assert (review.shown, review.dealt()) == ("grid", wanted)
    if said is None:
        assert "winnow-narrowed" not in words(page)
        assert not any(button.label == "Clear" for button in page.button)
    else:
        assert f'<p class="winnow-narrowed">{said}</p>' in words(page)
        next(button for button in page.button if button.label == "Clear").click().run()
        assert (review.shown, review.dealt()) == ("grid", QUEUE)
        assert list(page.query_params) == ["view"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"order": "best"}, "“best” is not a valid order. Choose one of doubt, random, source. So no filter is set."),
        ({"split": "test", "source": "99"}, "There is no source 99. So no filter is set."),
        ({"reviewer": "Nobody"}, "There is no reviewer “Nobody”. So no filter is set."),
        ({"view": "table"}, "“table” is not a valid view. Choose one of one, grid. So no filter is set."),
        ({"show": "disputed"}, "Only a lead may settle disagreements. So no filter is set."),
        ({"source": "\0\N{REPLACEMENT CHARACTER}"}, "There is no source"),
    ],
)
def test_nonsense_in_the_address_is_reported_and_ignored(
    review: Review, monkeypatch: pytest.MonkeyPatch, query: dict[str, str], sentence: str
) -> None:
    monkeypatch.setenv("WINNOW_LEADS", "Lea")
    page = review.opened(query)
    assert literal(sentence) in page.warning[0].value
    assert (review.shown, review.dealt()) == ("deck", QUEUE)
    next(button for button in page.button if button.label == "Clear").click().run()
    assert (list(page.warning), page.query_params) == ([], {})


def test_only_leads_are_offered_disagreements(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_LEADS", "Lea")
    assert "Disagreements" not in review.opened({}).selectbox(key="review-show").options
    monkeypatch.setattr("curator.app.guard.current_reviewer", lambda: "Lea")
    page = review.opened({"show": "disputed"})
    assert "Disagreements" in page.selectbox(key="review-show").options
    assert not page.warning
