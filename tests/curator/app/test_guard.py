"""Who asks: the reviewer of a page, and where the app may listen."""

from typing import Any

import pytest

from curator.app import guard
from curator.app.guard import RefusedError, check_address, session_cookie, signed_in, was_here
from db.errors import WinnowError
from db.settings import Settings


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (["Ada"], "Ada"),
        (["Ada Lovelace"], "Ada Lovelace"),
        (["Zoë".encode().decode("latin-1")], "Zoë"),  # as UTF-8 arrives
        (["l%65ad"], "l%65ad"),  # exactly what the header says, and not the lead
        (["a" * 80], "a" * 80),
        ([], None),
        ([""], None),
        (["Ada", "lead"], None),
        (["Ada", "Ada"], None),
        (["a" * 81], None),
        ([" Ada"], None),
        (["Ada  Lovelace"], None),
        (["Ada\tLovelace"], None),
        (["Zo\xeb"], None),  # latin-1
        (["\u0100"], None),
    ],
)
def test_who_is_signed_in_is_exactly_what_the_one_header_says(values: list[str], name: str | None) -> None:
    assert signed_in(values) == name


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Any:
    """Makes a page's context: headers and cookies."""

    def made(header: str, cookie: str, **update: str) -> None:
        class Headers:
            def get_all(self, name: str) -> list[str]:
                return [header] if header and name == "X-Forwarded-User" else []

        class Context:
            headers = Headers()
            cookies = {guard.COOKIE: cookie}

        monkeypatch.setattr(guard.st, "context", Context)
        monkeypatch.setattr(guard, "settings", lambda: settings.model_copy(update=update))

    return made


def test_behind_a_proxy_the_cookie_says_nothing(page: Any) -> None:
    page("Ada", "Mallory", user_header="X-Forwarded-User")
    assert guard.current_reviewer() == "Ada"


@pytest.mark.parametrize("header", ["", "a" * 81])
def test_behind_a_proxy_nobody_is_the_default_reviewer(page: Any, header: str) -> None:
    page(header, "lead", user_header="X-Forwarded-User", reviewer="lead")
    with pytest.raises(RefusedError, match="Nobody is signed in"):
        guard.current_reviewer()


@pytest.mark.parametrize(("cookie", "who"), [("Ada%20Lovelace", "Ada Lovelace"), ("", "reviewer"), ("a" * 81, "reviewer")])
def test_without_a_proxy_the_browser_keeps_the_name(page: Any, cookie: str, who: str) -> None:
    page("Mallory", cookie)
    assert guard.current_reviewer() == who


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.8.0.1", "::1"])
def test_the_app_listens_on_this_machine_without_a_word(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, address: str
) -> None:
    monkeypatch.setattr(guard, "settings", lambda: settings)
    check_address(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "winnow.example.com", "", None])
def test_it_listens_for_others_only_behind_a_sign_in_or_when_told_twice(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, address: str | None
) -> None:
    monkeypatch.setattr(guard, "settings", lambda: settings)
    with pytest.raises(WinnowError, match=r"show people's faces .* WINNOW_OPEN=yes"):
        check_address(address)
    for update in ({"user_header": "X-Forwarded-User"}, {"open": "yes"}):
        told = settings.model_copy(update=update)
        monkeypatch.setattr(guard, "settings", lambda told=told: told)
        check_address(address)


def test_a_session_is_of_one_home(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(guard, "settings", lambda: settings)
    name, value = session_cookie()
    assert was_here({name: value})
    assert not was_here({name: value[:-9] + ("A" if value[-9] != "A" else "B") + value[-8:]})
    assert not was_here({})
    other = settings.model_copy(update={"home": settings.home / "other"})
    monkeypatch.setattr(guard, "settings", lambda: other)
    assert not was_here({name: value})
    assert session_cookie()[0] != name  # so that two Winnows on one machine do not overwrite each other's
