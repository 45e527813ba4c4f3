"""People sign in with a name and a password: guesses are counted, and missing users cost as much as others."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st
from strongroom_service.errors import InvalidRequest, TooManyRequests, Unauthenticated, UnknownThing
from strongroom_service.identity import passwords
from strongroom_service.identity.lockout import (
    AT_ONE_NAME,
    AT_ONE_NAME_FROM_ONE_ADDRESS,
    FROM_ONE_ADDRESS,
    KIND,
    Attempts,
    Lockout,
)
from strongroom_service.identity.people import Group, User
from strongroom_service.identity.sign_in import SignIn
from strongroom_service.identity.sign_in_name import canonical_name
from strongroom_service.service import Service
from strongroom_service.state.records import Records

from .conftest import Clock

HERE = "10.0.0.7"
PASSWORD = f"correct {secrets.token_hex(8)} staple"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost little, for tests that sign in often."""
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_ITERATIONS", 1)
    monkeypatch.setattr(passwords, "_COST", "$argon2id$v=19$m=64,t=1,p=1$")


@pytest.fixture
def alice(service: Service, cheap: None) -> SignIn:
    service.directory.put("group", "data", Group(policies=("writer",)))
    service.directory.put("user", "alice", User(policies=("reader",), groups=("data",), metadata={"team": "data"}))
    sign_in = service.logins.passwords
    sign_in.set_password("alice", PASSWORD)
    return sign_in


def why(sign_in: SignIn, name: str, password: str, address: str = HERE) -> str:
    with pytest.raises(Unauthenticated, match=r"^The name or the password is wrong\. Check both") as refused:
        sign_in.login(name, password, address)
    return refused.value.why


def test_who_knows_the_password_is_let_in(service: Service, alice: SignIn) -> None:
    issued = alice.login("alice", PASSWORD, HERE)
    caller = service.tokens.authenticate(issued.token.text, HERE)
    assert caller.identity == "user:alice"
    assert caller.policies == ("default", "reader", "writer")
    assert caller.facts == {"name": "alice", "kind": "user", "metadata.team": "data"}


def test_a_user_has_at_every_moment_what_he_has_then(service: Service, alice: SignIn) -> None:
    text = alice.login("alice", PASSWORD, HERE).token.text
    service.directory.put("user", "alice", User(policies=("root", "auditor")))
    assert service.tokens.authenticate(text, HERE).policies == ("default", "auditor")
    assert not service.tokens.authenticate(text, HERE).is_root
    service.directory.put("user", "alice", User(disabled=True))
    with pytest.raises(Unauthenticated):
        service.tokens.authenticate(text, HERE)
    assert why(alice, "alice", PASSWORD) == "user:alice: disabled"


def test_what_is_wrong_is_told_to_the_audit_alone(service: Service, alice: SignIn) -> None:
    service.directory.put("user", "bob", User())
    assert why(alice, "alice", "wrong") == "user:alice: wrong password"
    assert why(alice, "bob", PASSWORD) == "user:bob: wrong password"
    assert why(alice, "carol", PASSWORD) == "no user has this name"
    assert why(alice, PASSWORD, "alice") == "no user has this name"


def test_a_name_that_nobody_has_costs_as_much_as_one_that_somebody_has(
    service: Service, alice: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same hash, over the same password, at the same cost: so the time tells nothing."""
    work: list[tuple[bytes, str]] = []
    real = Argon2id.verify_phc_encoded

    def counted(material: bytes, phc: str, *more: Any) -> None:
        work.append((material, phc.rsplit("$", 2)[0]))
        real(material, phc, *more)

    class Counted:
        verify_phc_encoded = staticmethod(counted)

    service.directory.put("user", "bob", User())
    why(alice, "nobody", "guess number one")  # from here on there is a hash to compare with in vain
    monkeypatch.setattr(passwords, "Argon2id", Counted)
    for name in ("alice", "bob", "carol", "no name at all !", "Ａｌｉｃｅ"):
        work.clear()
        why(alice, name, "guess number one")
        assert work == [(b"guess number one", "$argon2id$v=19$m=64,t=1,p=1")], name


def test_the_cost_is_that_of_the_recommendation() -> None:
    assert passwords._COST == "$argon2id$v=19$m=19456,t=2,p=1$"
    assert passwords.hashed(PASSWORD).startswith(passwords._COST)


def test_a_hash_of_another_cost_is_renewed_when_the_user_signs_in(
    service: Service, alice: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_ITERATIONS", 2)
    monkeypatch.setattr(passwords, "_COST", "$argon2id$v=19$m=64,t=2,p=1$")
    alice.login("alice", PASSWORD, HERE)
    kept = service.directory.get("password", "alice", passwords.PasswordRecord)
    assert kept is not None
    assert kept.phc.startswith("$argon2id$v=19$m=64,t=2,p=1$")
    alice.login("alice", PASSWORD, HERE)


@pytest.mark.parametrize("name", ["Alice", " alice ", "ALICE", "al\u200bice", "Ａｌｉｃｅ", "alice\u00a0", "\talice\n"])
def test_a_name_is_the_same_however_it_is_written(alice: SignIn, name: str) -> None:
    assert alice.login(name, PASSWORD, HERE).record.identity == "user:alice"


def test_guesses_are_counted_however_the_name_is_written(alice: SignIn, clock: Clock) -> None:
    for name in ("alice", "Alice", " ALICE", "al\u200bice", "Ａｌｉｃｅ"):
        why(alice, name, "guess")
    with pytest.raises(TooManyRequests) as refused:
        alice.login("aLICE", PASSWORD, HERE)
    assert refused.value.retry_after == 15 * 60
    clock.forward(minutes=14, seconds=59)
    with pytest.raises(TooManyRequests) as refused:
        alice.login("alice", PASSWORD, HERE)
    assert refused.value.retry_after == 1
    clock.forward(seconds=1)
    alice.login("alice", PASSWORD, HERE)


def test_a_name_that_nobody_has_is_locked_like_any_other(alice: SignIn) -> None:
    for _ in range(AT_ONE_NAME_FROM_ONE_ADDRESS):
        why(alice, "nobody", "guess")
    with pytest.raises(TooManyRequests):
        alice.login("nobody", "guess", HERE)


def test_somebody_elsewhere_signs_in_all_the_same(alice: SignIn) -> None:
    for _ in range(AT_ONE_NAME_FROM_ONE_ADDRESS):
        why(alice, "alice", "guess", "203.0.113.9")
    assert alice.login("alice", PASSWORD, HERE)


def test_who_signs_in_begins_anew(alice: SignIn) -> None:
    for _ in range(5):
        for _ in range(AT_ONE_NAME_FROM_ONE_ADDRESS - 1):
            why(alice, "alice", "guess")
        alice.login("alice", PASSWORD, HERE)


def test_many_addresses_share_the_guesses_at_one_name(records: Records, clock: Clock) -> None:
    lockout = Lockout(records)
    for number in range(AT_ONE_NAME):
        lockout.attempt("alice", f"203.0.113.{number}")
    with pytest.raises(TooManyRequests):
        lockout.attempt("alice", "198.51.100.1")
    lockout.attempt("bob", "198.51.100.1")


def test_many_names_share_the_guesses_of_one_address(records: Records) -> None:
    lockout = Lockout(records)
    for number in range(FROM_ONE_ADDRESS):
        lockout.attempt(f"user-{number}", HERE)
    with pytest.raises(TooManyRequests):
        lockout.attempt("one-more", f"::ffff:{HERE}")
    lockout.attempt("one-more", "10.0.0.8")


def test_a_network_of_ipv6_is_one_address(records: Records) -> None:
    lockout = Lockout(records)
    for number in range(AT_ONE_NAME_FROM_ONE_ADDRESS):
        lockout.attempt("alice", f"2001:db8:1:2::{number}")
    with pytest.raises(TooManyRequests):
        lockout.attempt("alice", "2001:db8:1:2:ffff::1")
    lockout.attempt("alice", "2001:db8:1:3::1")


def test_counts_do_not_tell_what_was_typed_and_are_swept(records: Records, clock: Clock) -> None:
    lockout = Lockout(records)
    lockout.attempt("hunter2", HERE)
    with records.reading() as session:
        ids = [id for id, _ in session.page(KIND, Attempts)]
    assert len(ids) == 3
    assert all(len(id) == 64 for id in ids)
    assert lockout.tidy() == 0
    clock.forward(minutes=15)
    assert lockout.tidy() == 3


@pytest.mark.parametrize("password", ["short", "x" * 11, "x" * 1025])
def test_a_password_is_neither_short_nor_endless(alice: SignIn, password: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        alice.set_password("alice", password)
    assert password not in str(refused.value)


def test_a_password_is_what_it_looks_like_and_nothing_is_stripped(alice: SignIn) -> None:
    alice.set_password("alice", "pa\u0308sswort mit umlaut")
    assert alice.login("alice", "p\u00e4sswort mit umlaut", HERE)
    why(alice, "alice", "p\u00e4sswort mit umlaut ")


def test_a_new_password_ends_what_came_by_the_old_one(service: Service, alice: SignIn) -> None:
    text = alice.login("alice", PASSWORD, HERE).token.text
    alice.change_password("alice", PASSWORD, "another long password", HERE)
    with pytest.raises(Unauthenticated):
        service.tokens.authenticate(text, HERE)
    why(alice, "alice", PASSWORD)
    assert alice.login("alice", "another long password", HERE)


def test_who_does_not_know_the_password_does_not_change_it(alice: SignIn) -> None:
    for _ in range(AT_ONE_NAME_FROM_ONE_ADDRESS):
        with pytest.raises(Unauthenticated):
            alice.change_password("alice", "guess", "another long password", HERE)
    with pytest.raises(TooManyRequests):
        alice.change_password("alice", PASSWORD, "another long password", HERE)


def test_nobody_gets_a_password_who_is_not_there(alice: SignIn) -> None:
    with pytest.raises(UnknownThing):
        alice.set_password("carol", PASSWORD)


@given(st.text(max_size=60))
def test_a_name_has_one_form(name: str) -> None:
    form = canonical_name(name)
    assert canonical_name(form) == form
    assert canonical_name(f" {name}\u200d") == form
