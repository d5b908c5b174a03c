"""Which cards each open page of a reviewer has in hand."""

from curator.app.hands import Hands
from curator.review.leases import LEASE


def test_a_page_that_closes_is_told_what_the_reviewers_others_hold_until_these_are_closed_too() -> None:
    now = 0.0
    hands = Hands(clock=lambda: now)
    hands.hold("Ada", "tab 1", [1, 2])
    hands.hold("Ada", "tab 2", [2, 3])
    hands.hold("Bo", "tab 3", [1])
    assert hands.leave("Ada", "tab 1") == {2, 3}
    hands.hold("Ada", "tab 2", [4])  # it has judged the others
    assert hands.leave("Ada", "tab 1") == {4}
    now = LEASE.total_seconds() + 1  # as its leases, what nobody hears of any more has run out
    assert hands.leave("Ada", "tab 1") == set()
