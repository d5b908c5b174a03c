"""Whose names are near to the name of somebody who is erased."""

import pytest
from sqlalchemy import Engine

from curator.upkeep.spellings import LISTED, Near, in_words, is_near, named_nearly
from db.session import reading, writing
from db.store import Store
from db.tables import Contributor, Submission
from tests.conftest import on_both_servers
from tests.examples import add_examples


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë Weiß", "Zoe Weiss"),
        ("Nora Quist", "nora_quist"),
        ("Nora Quist", "NoraQuist"),
        ("Nora Quist", "Quist, Nora"),
        ("Nora Quist", "Nora Qvist"),
        ("Nora-Lee Quist", "Nora Lee Quist"),
        ("Müller", "Mueller"),
        ("Işıl Øst", "ISIL OST"),
        ("person 7", "Person 07"),
        ("が", "か"),
    ],
)
def test_one_name_in_two_spellings_is_near(one: str, other: str) -> None:
    assert is_near(one, other)
    assert is_near(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nora Quist", "Bo Berg"),
        ("person 1", "person 2"),
        ("drawn-01", "drawn-11"),
        ("12", "13"),
        ("Nora", "Nora Quist"),
        ("a", ""),
    ],
)
def test_other_names_and_other_numbers_are_not_near(one: str, other: str) -> None:
    assert not is_near(one, other)
    assert not is_near(other, one)


@on_both_servers
def test_people_are_listed_with_all_photos_of_their_spellings(engine: Engine, store: Store) -> None:
    with writing(engine) as session:
        add_examples(session, store, 4)
        session.add_all([nora := Contributor(name="Nóra Quist"), Contributor(name="NORA QUIST"), Contributor(name="Bo")])
        session.flush()
        names = ["Nóra Quist", "No\u0301ra  quist", "Nora Qvist", "Bo"]
        for submission, name in zip(session.query(Submission), names, strict=True):
            submission.contributor_id, submission.subject = nora.id, name
    with reading(engine) as session:
        assert named_nearly(session, "contributor", ["nora quist"]) == [Near("Nóra Quist", 4), Near("NORA QUIST", 0)]
        (accented, other) = named_nearly(session, "subject", ["nora quist", "Nora Quist"])
        assert (accented.photos, other) == (2, Near("Nora Qvist", 1))
        assert accented.name in names[:2]
        assert named_nearly(session, "subject", ["Cy"]) == []


def test_many_names_are_cut_in_a_sentence() -> None:
    assert in_words([Near(f"Nora {number}", 1) for number in range(LISTED + 5)]).endswith("'Nora 19' (1 photo) and 5 more")
