"""Blocks that hold blocks: what is known of who uses whom, and what that keeps from being deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import Field
from strongroom_blocks import Block
from strongroom_blocks.types import Secret
from strongroom_registry.errors import DocumentInUse, InvalidReference


class Login(Block, slug="uses-login"):
    user: str
    password: Secret


class App(Block, slug="uses-app"):
    """Holds others in a field, a list, a mapping, and inside one that has no name of its own."""

    login: Login | None = None
    keys: list[Secret] = Field(default_factory=list)
    by_name: dict[str, Secret] = Field(default_factory=dict)


def saved(name: str) -> Secret:
    Secret(value=f"value of {name}").save(name)
    return Secret.load(name)


def test_a_version_names_what_it_holds_wherever_it_stands_and_no_further() -> None:
    inner = saved("inner")
    Login(user="ada", password=inner).save("login")
    app = App(
        login=Login.load("login"),
        keys=[saved("in-list"), Secret(value="held in place")],
        by_name={"a": saved("in-mapping"), "b": Secret.load("in-list@1")},
    )
    assert app.save("app").references == ("in-list", "in-list@1", "in-mapping", "login")
    assert App(login=Login(user="bob", password=Secret.load("inner"))).save("inline").references == ("inner",)
    assert [str(user) for user in Block.used_by("inner")] == ["inline@1", "login@1"]


def test_a_block_that_is_used_is_deleted_only_with_its_users() -> None:
    Login(user="ada", password=saved("key")).save("login")
    with pytest.raises(DocumentInUse, match="login"):
        Secret.delete("key")
    assert Secret.load("key").get()
    Secret.delete("key", cascade=True)
    assert not Login.exists("login")


async def _aused() -> list[str]:
    return [str(user) for user in await Secret.aused_by("key")]


def test_the_twins_do_the_same() -> None:
    import asyncio

    Login(user="ada", password=saved("key")).save("login")
    assert asyncio.run(_aused()) == ["login@1"]
    asyncio.run(Secret.adelete("key", cascade=True))
    assert not Secret.exists("key")


def test_an_expiry_is_kept_with_its_version() -> None:
    until = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=2)))
    assert Secret(value="short-lived").save("token", expires_at=until).expires_at == until
    assert Secret.history("token")[0].expires_at == until.astimezone(UTC)


@pytest.mark.parametrize("until", [datetime(2031, 5, 6), datetime(1969, 1, 1, tzinfo=UTC)])
def test_an_expiry_that_is_no_moment_is_refused(until: datetime) -> None:
    with pytest.raises(InvalidReference, match="time zone"):
        Secret(value="short-lived").save("token", expires_at=until)
    assert not Secret.exists("token")
