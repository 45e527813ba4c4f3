"""Blocks inside blocks: current or pinned, inline, missing, in circles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from canaries import Plant
from pydantic import BaseModel, SecretStr
from strongroom_blocks import Block, nesting, reference_of
from strongroom_blocks.errors import BlockCycle, SchemaMismatch, UnknownBlock
from strongroom_registry import Registry
from strongroom_registry.errors import StrongroomError


class Login(Block, slug="test-login"):
    user: str = "etl"
    password: SecretStr


class TokenLogin(Login, slug="test-token-login"):
    scope: str = "all"


class Pool(BaseModel):
    primary: Login
    size: int = 1


class Lake(Block, slug="test-lake"):
    login: Login | None = None
    spares: list[Login] = []  # noqa: RUF012
    by_region: dict[str, Login] = {}  # noqa: RUF012
    pair: tuple[Login, Login] | None = None
    pool: Pool | None = None
    either: Login | str | None = None
    anything: Any = None
    key: SecretStr = SecretStr("k")


def saved(name: str, password: str) -> Login:
    login = Login(password=password)
    login.save(name, overwrite=True)
    return login


def password(login: Any) -> str:
    assert isinstance(login, Login)
    return login.password.get_secret_value()


WHERE = {
    "a field": (lambda login: {"login": login}, lambda lake: lake.login),
    "a list": (lambda login: {"spares": [login]}, lambda lake: lake.spares[0]),
    "a dict": (lambda login: {"by_region": {"eu": login}}, lambda lake: lake.by_region["eu"]),
    "a tuple": (lambda login: {"pair": (login, Login(password="p"))}, lambda lake: lake.pair[0]),
    "a model": (lambda login: {"pool": Pool(primary=login)}, lambda lake: lake.pool.primary),
    "a union": (lambda login: {"either": login}, lambda lake: lake.either),
    "an open field": (lambda login: {"anything": {"deep": [login]}}, lambda lake: lake.anything["deep"][0]),
}


@pytest.mark.parametrize("where", WHERE)
def test_a_saved_block_is_held_by_reference_and_comes_back_current(registry: Registry, where: str) -> None:
    place, look = WHERE[where]
    Lake(**place(saved("login", "old-password"))).save("lake")
    assert b"old-password" not in registry.get("lake").payload
    saved("login", "new-password")
    assert password(look(Lake.load("lake"))) == "new-password"


@pytest.mark.parametrize("where", WHERE)
def test_a_pinned_block_comes_back_pinned(registry: Registry, where: str) -> None:
    place, look = WHERE[where]
    saved("login", "old-password")
    Lake(**place(Login.load("login@1"))).save("lake")
    saved("login", "new-password")
    assert password(look(Lake.load("lake"))) == "old-password"


def test_a_labelled_block_follows_its_label(registry: Registry) -> None:
    saved("login", "first-password")
    Login.label("login", "stable")
    Lake(login=Login.load("login@stable")).save("lake")
    saved("login", "second-password")
    assert password(Lake.load("lake").login) == "first-password"
    Login.label("login", "stable", 2)
    assert password(Lake.load("lake").login) == "second-password"


def test_a_block_that_was_never_saved_is_stored_inline_with_its_own_type(registry: Registry) -> None:
    lake = Lake(login=TokenLogin(password="inline-password", scope="read"), spares=[Login(password="p")])
    lake.save("lake")
    back = Lake.load("lake")
    assert back == lake
    assert type(back.login) is TokenLogin


def test_a_nested_block_that_was_changed_is_stored_as_it_is_now(registry: Registry) -> None:
    login = saved("login", "stored-password")
    login.password = SecretStr("changed-password")
    Lake(login=login).save("lake")
    assert password(Lake.load("lake").login) == "changed-password"


def test_holding_a_newer_version_does_not_change_the_holder(registry: Registry) -> None:
    Lake(login=saved("login", "one-password")).save("lake")
    lake = Lake.load("lake")
    saved("login", "two-password")
    assert str(reference_of(lake)) == "lake@1"


def test_a_missing_nested_block_names_the_field_that_holds_it(registry: Registry) -> None:
    saved("login", "p-password")
    Lake(by_region={"eu": Login.load("login")}).save("lake")
    Login.delete("login", cascade=True)
    registry.undelete("lake")
    with pytest.raises(UnknownBlock, match=r'"by_region\.eu" of "lake" holds the block "login".*deleted'):
        Lake.load("lake")
    registry.undelete("login")
    assert password(Lake.load("lake").by_region["eu"]) == "p-password"


class Node(Block, slug="test-node"):
    name: str
    next: Node | None = None


def test_a_block_cannot_hold_itself(registry: Registry) -> None:
    one = Node(name="one")
    one.save("one")
    two = Node(name="two", next=one)
    two.save("two")
    with pytest.raises(BlockCycle, match='"one" cannot hold itself'):
        Node(name="one", next=two).save("one", overwrite=True)


def test_a_circle_that_came_about_behind_our_back_is_found_at_load(registry: Registry) -> None:
    Node(name="one").save("one")
    stale = Node.load("one")
    Node(name="two", next=stale).save("two")
    fields = {"name": "one", "next": {"$block": "two"}}
    registry.put(
        "one",
        type="test-node",
        schema=registry.history("one")[0].schema,
        payload=json.dumps({"$exact": fields}, separators=(",", ":")).encode(),
        overwrite=True,
    )
    with pytest.raises(BlockCycle, match="one → two → one"):
        Node.load("one")


def test_blocks_nested_too_deep_are_refused_with_a_sentence(registry: Registry) -> None:
    holder = Node(name="0")
    holder.save("node-0")
    for number in range(1, nesting.DEPTH + 4):
        fields = {"name": str(number), "next": {"$block": f"node-{number - 1}"}}
        registry.put(
            f"node-{number}",
            type="test-node",
            schema=registry.history("node-0")[0].schema,
            payload=json.dumps({"$exact": fields}, separators=(",", ":")).encode(),
        )
    assert Node.load(f"node-{nesting.DEPTH - 1}").name == str(nesting.DEPTH - 1)
    with pytest.raises(StrongroomError, match="nested more than 32 deep"):
        Node.load(f"node-{nesting.DEPTH + 3}")


def test_an_inline_block_of_an_old_schema_names_what_does_not_fit(registry: Registry, canary: Plant) -> None:
    secret = canary("password")
    fields = {"login": {"$type": "test-login", "$schema": "1:0", "$fields": {"pass": secret}}}
    payload = json.dumps({"$exact": fields}, separators=(",", ":")).encode()
    registry.put("lake", type="test-lake", schema="1:0", payload=payload)
    with pytest.raises(SchemaMismatch, match="missing: password; no longer known: pass") as refusal:
        Lake.load("lake")
    assert secret not in str(refusal.value)


def test_references_in_data_from_a_file_become_blocks(registry: Registry) -> None:
    saved("login", "file-password")
    data = nesting.resolve({"spares": [{"$block": "login@1"}], "key": "k"})
    assert password(Lake(**data).spares[0]) == "file-password"
    with pytest.raises(UnknownBlock, match=r'"spares\.0"'):
        nesting.resolve({"spares": [{"$block": "logon"}]})
    with pytest.raises(UnknownBlock, match='The input names the block "logon": '):
        nesting.resolve({"$block": "logon"})
    Login(user="x", password="p").save("input")
    assert nesting.resolve({"$block": "input"}).user == "x"
