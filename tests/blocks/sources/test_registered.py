"""Which sources there are, and where they take their own credentials from."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest
from pydantic import SecretStr
from shelf import Shelf
from strongroom_blocks import Block, secret_from
from strongroom_blocks.errors import InvalidSecretReference, SourceMisconfigured, UnknownBlock
from strongroom_blocks.sources import registered
from strongroom_blocks.sources.resolver import resolver
from strongroom_registry import Registry, open_registry, using

LOCKED: list[object] = []


class Login(Block, slug="test-source-login"):
    password: SecretStr


class Api(Block, slug="test-source-api"):
    token: SecretStr


class LockedShelf(Shelf):
    """A shelf that wants to know who asks."""

    def __init__(self, credentials: Login | None = None) -> None:
        super().__init__(a="behind the lock")
        LOCKED.append(credentials)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two sources as packages declare them."""
    points = {
        "locked": EntryPoint("locked", f"{__name__}:LockedShelf", registered.GROUP),
        "open": EntryPoint("open", "shelf:Shelf", registered.GROUP),
        "env": registered._entry_points()["env"],
    }
    monkeypatch.setattr(EntryPoint, "load", lambda point: {"LockedShelf": LockedShelf}.get(point.attr, lambda: Shelf()))
    monkeypatch.setattr(registered, "_entry_points", lambda: points)
    LOCKED.clear()
    registered._made.clear()
    yield
    registered._made.clear()


def test_the_sources_that_come_along_are_declared() -> None:
    assert {"env", "file"} <= set(registered.schemes())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vaul:x", "vaul"),
        ("nowhere:x", "nowhere"),
    ],
)
def test_an_unknown_scheme_names_those_that_there_are(text: str, told: str) -> None:
    with pytest.raises(InvalidSecretReference, match=told) as caught:
        secret_from(text)
    assert "env, file" in caught.value.remedy
    assert "strongroom.secret_sources" in caught.value.remedy


def test_a_scheme_that_looks_like_another_is_asked_back() -> None:
    with pytest.raises(InvalidSecretReference, match="Did you mean env"):
        secret_from("envv:X")


@pytest.mark.parametrize(
    "text",
    ["", "word", ":x", "env:", "env:  ", "ENV:X", "1x:y", "x" * 40 + ":y", "env:A\nB", "env:A\0", "file:/\x1b[2J",
     "a b:c", "env:" + "A" * 3000, "env:A B", "env:1A", "file:relative", "file:/a/../b", "file:", "\u202eenv:X"],
)  # fmt: skip
def test_what_is_no_reference_is_refused_and_not_repeated(text: str, canary) -> None:
    secret = canary("taken for a reference")
    for given in (text, f"{secret}{text}" if ":" not in text else text):
        with pytest.raises(InvalidSecretReference) as caught:
            secret_from(given)
        assert caught.value.remedy
        assert secret not in str(caught.value)


@pytest.mark.parametrize("given", [None, 3, b"env:X", ["env:X"]])
def test_a_reference_is_a_text(given) -> None:
    with pytest.raises(InvalidSecretReference, match="is a text"):
        secret_from(given)


def test_a_source_takes_its_credentials_from_a_block(
    declared: None, registry: Registry, monkeypatch: pytest.MonkeyPatch, canary
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCE_LOCKED", "login")
    Login(password=canary("password")).save("login")
    assert Api(token=secret_from("locked:a")).token.get_secret_value() == "behind the lock"
    first, second = LOCKED
    assert (first, second) == (None, Login.load("login")), "a look at the reference's form needs no credentials"


def test_what_the_login_of_a_workspace_brought_is_not_for_another_one(
    declared: None, registry: Registry, monkeypatch: pytest.MonkeyPatch, canary
) -> None:
    """Two workspaces, in one process, each with a block of the name that the setting says."""
    monkeypatch.setenv("STRONGROOM_SOURCE_LOCKED", "login")
    passwords = [canary("of one"), canary("of the other")]
    Login(password=passwords[0]).save("login")
    assert Api(token=secret_from("locked:a")).token.get_secret_value() == "behind the lock"
    with open_registry("memory:") as other, using(other):
        with pytest.raises(UnknownBlock, match="login"):
            Api(token=secret_from("locked:a")).token.get_secret_value()
        Login(password=passwords[1]).save("login")
        resolver.forget(["locked:a"])
        assert Api(token=secret_from("locked:a")).token.get_secret_value() == "behind the lock"
    assert resolver.known("locked:a") == "behind the lock"
    logins = [login.password.get_secret_value() for login in LOCKED if isinstance(login, Login)]
    assert logins == passwords


def test_credentials_that_are_not_there_are_named(
    declared: None, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCE_LOCKED", "missing")
    with pytest.raises(UnknownBlock, match="missing"):
        Api(token=secret_from("locked:a")).token.get_secret_value()


def test_a_source_without_credentials_is_given_none(
    declared: None, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCE_OPEN", "login")
    with pytest.raises(SourceMisconfigured, match="STRONGROOM_SOURCE_OPEN"):
        Api(token=secret_from("open:a")).token.get_secret_value()


def test_credentials_from_the_source_itself_are_refused(
    declared: None, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCE_LOCKED", "login")
    Login(password=secret_from("locked:a")).save("login")
    with pytest.raises(SourceMisconfigured, match=r'"login" .* "locked"'):
        Api(token=secret_from("locked:a")).token.get_secret_value()


def test_credentials_from_each_other_are_refused(
    declared: None, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCE_LOCKED", "first")
    monkeypatch.setenv("STRONGROOM_SOURCE_OPEN", "second")
    Login(password=secret_from("open:a")).save("first")
    Login(password=secret_from("locked:a")).save("second")
    with pytest.raises(SourceMisconfigured, match=r'"second" .*"open".* "locked"'):
        Api(token=secret_from("locked:a")).token.get_secret_value()


def test_credentials_may_come_from_another_source(
    declared: None, registry: Registry, monkeypatch: pytest.MonkeyPatch, canary
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCE_LOCKED", "login")
    monkeypatch.setenv("LOGIN_PASSWORD", canary("password"))
    Login(password=secret_from("env:LOGIN_PASSWORD")).save("login")
    assert Api(token=secret_from("locked:a")).token.get_secret_value() == "behind the lock"


def test_sources_of_a_test_end_with_it(monkeypatch: pytest.MonkeyPatch, canary) -> None:
    monkeypatch.setenv("TOKEN", canary("real"))
    inside, outside = Api(token=secret_from("env:TOKEN")), Api(token=secret_from("env:TOKEN"))
    with registered.using_sources({"env": Shelf(TOKEN="stand-in"), "mine": Shelf()}):
        assert inside.token.get_secret_value() == "stand-in"
        secret_from("mine:a")
        with registered.using_sources({"env": Shelf(TOKEN="inner")}):
            assert inside.token.get_secret_value() == "inner"
        assert inside.token.get_secret_value() == "stand-in"
    assert outside.token.get_secret_value().startswith("canary")
    with pytest.raises(InvalidSecretReference):
        secret_from("mine:a")


def test_what_is_no_source_is_not_taken_for_one() -> None:
    with pytest.raises(TypeError, match="mine"), registered.using_sources({"mine": object()}):  # type: ignore[dict-item]
        pass
    with pytest.raises(InvalidSecretReference), registered.using_sources({"My Own": Shelf()}):
        pass
