"""How a photo's consent stands on a day, in words, in numbers and in queries."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select, update

from curator.consent import (
    MOST_BASES,
    OTHERS,
    SOON,
    Consent,
    ConsentCounts,
    Terms,
    any_recorded,
    consent_counts,
    count_ended,
    count_terms,
    ended_in_sets,
    stands,
    terms_in_words,
    without_names,
)
from db.session import reading, writing
from db.store import Store
from db.tables import Submission
from tests.conftest import FakeClock, counted_instructions, on_both_servers
from tests.examples import add_bare_examples, add_examples
from tests.trained import freeze_all

TODAY = date(2026, 5, 31)
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)


def terms(**values: object) -> Terms:
    return Terms(**{"licence": None, "basis": None, "given": None, "expires": None, "drawn": False} | values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "to_a_lead", "to_others"),
    [
        (terms(), "", ""),
        (terms(drawn=True, licence="CC0"), "Licence CC0", "Licence CC0"),
        (terms(licence="CC0"), "No consent recorded · licence CC0", "No consent recorded · licence CC0"),
        (terms(basis="form 7"), "Consent recorded · form 7", "Consent recorded"),
        (terms(given=YESTERDAY), "Consent recorded · given on 2026-05-30", "Consent recorded"),
        (terms(expires=TODAY), "Consent ends on 2026-05-31", "Consent ends on 2026-05-31"),
        (
            terms(expires=YESTERDAY, basis="form 7", given=YESTERDAY, licence="CC0"),
            "Consent ended on 2026-05-30 · licence CC0 · form 7 · given on 2026-05-30",
            "Consent ended on 2026-05-30 · licence CC0",
        ),
    ],
)
def test_a_lead_reads_what_consent_rests_on_and_others_only_until_when(given: Terms, to_a_lead: str, to_others: str) -> None:
    assert terms_in_words(given, TODAY, lead=True) == to_a_lead
    assert terms_in_words(given, TODAY, lead=False) == to_others


@pytest.mark.parametrize(
    ("basis", "names", "left"),
    [
        ("form 7", ("Nora Quist",), "form 7"),
        ("NORA-QUIST, form 7", ("Nora Quist", None), "…, form 7"),
        ("form of Nora_Quist for Bo", ("Nora Quist", "Bo"), "form of … for …"),
        ("form of Norah", ("Nora",), "form of Norah"),
        ("form (7)", ("(",), "form (7)"),
        ("form of ZOE\u0308  WEISS, № 7", ("Zoë Weiß",), "form of …, No 7"),
        ("form № 7", ("Zoë Weiß",), "form № 7"),
        (None, ("Nora",), None),
    ],
)
def test_names_are_taken_out_of_what_consent_rests_on(
    basis: str | None, names: tuple[str | None, ...], left: str | None
) -> None:
    assert without_names(basis, *names) == left


def test_terms_are_counted_and_numbered_forms_come_together() -> None:
    forms = [terms(basis=f"form {number}", expires=TODAY) for number in range(MOST_BASES + 5)]
    found = count_terms([*forms, *forms[:1], terms(expires=YESTERDAY), terms(licence="CC0"), terms(drawn=True)])
    assert found.licences == {"not recorded": MOST_BASES + 8, "CC0": 1}
    assert (found.consent["form 0"], found.consent[OTHERS], len(found.consent)) == (2, 6, MOST_BASES + 1)
    assert (found.recorded, found.no_consent) == (MOST_BASES + 7, 1)
    assert list(found.ends.items()) == [(YESTERDAY, 1), (TODAY, MOST_BASES + 6)]
    assert [found.ended(day) for day in (YESTERDAY, TODAY, TOMORROW)] == [0, 1, MOST_BASES + 7]


@on_both_servers
def test_submissions_are_found_and_counted_by_how_their_consent_stands(engine: Engine) -> None:
    values: list[dict[str, object]] = [
        {"drawn": True},
        {},
        {"licence": "CC0", "subject": "Nora Quist"},
        {"consent_basis": "form 7"},
        {"consent_date": YESTERDAY},
        {"consent_expires": TODAY},
        {"consent_expires": TODAY + SOON},
        {"consent_expires": TODAY + SOON + timedelta(days=1)},
        {"consent_basis": "form 8", "consent_expires": YESTERDAY},
    ]
    with writing(engine) as session:
        numbers = add_bare_examples(session, len(values))
        assert not any_recorded(session)
        for number, said in zip(numbers, values, strict=True):
            session.execute(update(Submission).where(Submission.id == number).values({"drawn": False} | said))

    def found(consent: Consent) -> list[int]:
        with reading(engine) as session:
            return list(session.scalars(select(Submission.id).where(stands(consent, TODAY)).order_by(Submission.id)))

    assert found(Consent.recorded) == [4, 5, 6, 7, 8]
    assert found(Consent.none) == [2, 3]
    assert found(Consent.ends_soon) == [6, 7]
    assert found(Consent.ended) == [9]
    with reading(engine) as session:
        assert any_recorded(session)
        assert consent_counts(session, TODAY) == ConsentCounts(recorded=5, none=2, ended=1, ends_in_30_days=2)
        assert [count_ended(session, day) for day in (YESTERDAY, TODAY, TOMORROW)] == [0, 1, 2]


def test_sets_that_hold_photos_whose_consent_has_ended_are_counted(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        first = freeze_all(session, add_examples(session, store, 1), clock())
        more = add_examples(session, store, 2)
        freeze_all(session, more, clock())
        session.execute(update(Submission).where(Submission.id.in_(more)).values(consent_expires=YESTERDAY))
    with reading(engine) as session:
        assert ended_in_sets(session, YESTERDAY) == {}
        assert ended_in_sets(session, TODAY) == {first + 1: 2}


def test_counting_what_has_ended_reads_no_other_submission(engine: Engine) -> None:
    with writing(engine) as session:
        add_bare_examples(session, 3000)
        session.execute(update(Submission).where(Submission.id == 7).values(consent_expires=YESTERDAY))
    with reading(engine) as session, counted_instructions(session) as hundreds:
        assert (any_recorded(session), count_ended(session, TODAY), ended_in_sets(session, TODAY)) == (True, 1, {})
    assert len(hundreds) < 10
