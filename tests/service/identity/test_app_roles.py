"""Machines log in with a role id and a secret id."""

from __future__ import annotations

from datetime import timedelta

import pytest
from strongroom_registry.errors import StaleExpectation
from strongroom_service.errors import Conflict, InvalidRequest, Unauthenticated, UnknownThing
from strongroom_service.identity.app_role import AppRole, SecretIdIndex, SecretIdRecord
from strongroom_service.identity.app_roles import SECRET_ID, SECRET_ID_INDEX, AppRoles
from strongroom_service.identity.caller import Caller
from strongroom_service.service import Service

from .conftest import Clock

HERE = "10.0.0.7"
HOUR = timedelta(hours=1)


@pytest.fixture
def roles(service: Service) -> AppRoles:
    roles = service.logins.app_roles
    roles.put("etl", AppRole(token_policies=("reader",), metadata={"team": "data"}))
    return roles


def login(roles: AppRoles, text: str, *, role: str = "etl", address: str = HERE) -> Caller:
    issued = roles.login(roles.found(role).value.role_id, text, address)
    record = issued.record
    return record.caller(issued.accessor, None, address=address, request_id="")


def why(roles: AppRoles, role_id: str, text: str, address: str = HERE) -> str:
    """What the audit says; outside it is always the same."""
    with pytest.raises(
        Unauthenticated, match=r"^The role id or the secret id is not valid, or not here and now"
    ) as refused:
        roles.login(role_id, text, address)
    return refused.value.why


def test_a_machine_gets_what_its_role_gives(roles: AppRoles) -> None:
    made = roles.make_secret_id("etl", metadata={"host": "worker-1"})
    issued = roles.login(roles.found("etl").value.role_id, made.text, HERE)
    assert issued.record.identity == "approle:etl"
    assert issued.record.policies == ("default", "reader")
    assert issued.record.facts == {"name": "etl", "kind": "approle", "metadata.team": "data"}
    assert issued.record.metadata == {"role_name": "etl", "host": "worker-1"}


def test_what_a_role_says_of_tokens_holds(service: Service, roles: AppRoles) -> None:
    role = AppRole(
        token_ttl=HOUR,
        token_max_ttl=2 * HOUR,
        token_uses=3,
        token_bounds=("10.0.0.0/8",),
        token_no_default_policy=True,
        token_policies=("reader",),
    )
    roles.put("etl", role)
    issued = roles.login(roles.found("etl").value.role_id, roles.make_secret_id("etl").text, HERE)
    record = issued.record
    assert (record.ttl, record.uses, record.bounds, record.policies) == (HOUR, 3, ("10.0.0.0/8",), ("reader",))
    assert record.last == record.created + 2 * HOUR
    with pytest.raises(Unauthenticated):
        service.tokens.authenticate(issued.token.text, "192.168.0.1")


def test_whatever_is_wrong_is_refused_in_the_same_words(roles: AppRoles, clock: Clock) -> None:
    role_id = roles.found("etl").value.role_id
    here = roles.make_secret_id("etl", bounds=["192.168.0.0/16"])
    short = roles.make_secret_id("etl", ttl=HOUR)
    assert why(roles, "nobody", short.text) == "unknown role id"
    assert why(roles, role_id, "guess") == "approle:etl: unknown secret id"
    assert why(roles, role_id, "") == "approle:etl: unknown secret id"
    assert why(roles, role_id, here.text) == f"approle:etl: secret id {here.accessor} is not for this address"
    clock.forward(hours=1)
    assert why(roles, role_id, short.text) == f"approle:etl: secret id {short.accessor} expired"
    roles.put("etl", AppRole(disabled=True))
    assert why(roles, role_id, short.text) == "approle:etl is disabled"
    roles.put("etl", AppRole(secret_id_bounds=("192.168.0.0/16",)))
    assert why(roles, role_id, short.text) == "approle:etl: not from this address"


def test_a_secret_id_is_good_for_its_own_role_alone(roles: AppRoles) -> None:
    roles.put("other", AppRole())
    made = roles.make_secret_id("etl")
    assert why(roles, roles.found("other").value.role_id, made.text) == "approle:other: unknown secret id"


def test_uses_of_a_secret_id_are_counted(service: Service, roles: AppRoles) -> None:
    roles.put("etl", AppRole(secret_id_uses=2))
    made = roles.make_secret_id("etl")
    login(roles, made.text)
    assert roles.secret_id("etl", made.accessor).uses == 1
    login(roles, made.text)
    assert roles.secret_ids("etl") == []
    assert why(roles, roles.found("etl").value.role_id, made.text) == "approle:etl: unknown secret id"
    with service.records.reading() as session:
        assert session.page(SECRET_ID_INDEX, SecretIdIndex) == []


def test_a_try_from_elsewhere_takes_no_use(roles: AppRoles) -> None:
    made = roles.make_secret_id("etl", uses=1, bounds=["10.0.0.0/8"])
    why(roles, roles.found("etl").value.role_id, made.text, "192.168.0.1")
    login(roles, made.text)


@pytest.mark.parametrize(
    "asked", [{"uses": 6}, {"ttl": 2 * HOUR}, {"bounds": ["0.0.0.0/0"]}, {"token_bounds": ["192.168.0.0/16"]}]
)
def test_a_secret_id_has_no_more_than_its_role_allows(roles: AppRoles, asked: dict[str, object]) -> None:
    limits = AppRole(
        secret_id_uses=5, secret_id_ttl=HOUR, secret_id_bounds=("10.0.0.0/8",), token_bounds=("10.0.0.0/8",)
    )
    roles.put("etl", limits)
    with pytest.raises(InvalidRequest, match="more than the role allows"):
        roles.make_secret_id("etl", **asked)  # type: ignore[arg-type]
    made = roles.make_secret_id("etl")
    assert (made.record.uses, made.record.ttl) == (5, HOUR)
    narrower = roles.make_secret_id("etl", uses=1, ttl=HOUR / 2, bounds=[HERE], token_bounds=[HERE])
    assert login(roles, narrower.text).accessor


def test_a_secret_that_was_chosen_is_taken_once(roles: AppRoles) -> None:
    roles.make_secret_id("etl", text="chosen by hand")
    with pytest.raises(Conflict):
        roles.make_secret_id("etl", text="chosen by hand")
    assert login(roles, "chosen by hand").identity == "approle:etl"
    assert roles.accessor_of("etl", "chosen by hand") in dict(roles.secret_ids("etl"))


def test_a_secret_id_that_was_removed_is_gone(roles: AppRoles) -> None:
    made = roles.make_secret_id("etl")
    roles.remove_secret_id("etl", made.accessor)
    with pytest.raises(UnknownThing):
        roles.secret_id("etl", made.accessor)
    with pytest.raises(UnknownThing):
        roles.accessor_of("etl", made.text)
    assert why(roles, roles.found("etl").value.role_id, made.text)


def test_a_secret_id_of_another_role_is_not_reached_through_this_one(roles: AppRoles) -> None:
    roles.put("other", AppRole())
    made = roles.make_secret_id("other")
    with pytest.raises(UnknownThing):
        roles.secret_id("etl", made.accessor)
    with pytest.raises(UnknownThing):
        roles.remove_secret_id("etl", made.accessor)
    assert login(roles, made.text, role="other")


def test_the_roles_of_another_place_are_others(service: Service, roles: AppRoles) -> None:
    """Each place to log in at has its own roles, though names, role ids and secrets are the same."""
    elsewhere = AppRoles(service.directory, service.records, service.tokens, kind="approle-other")
    elsewhere.put("etl", AppRole(token_policies=("writer",)))
    for place in (roles, elsewhere):
        place.set_role_id("etl", "the same")
    secret = roles.make_secret_id("etl")
    assert why(elsewhere, "the same", secret.text) == "approle-other:etl: unknown secret id"
    with pytest.raises(UnknownThing):
        elsewhere.remove_secret_id("etl", secret.accessor)
    elsewhere.remove("etl")
    assert login(roles, secret.text).policies == ("default", "reader")


def test_a_removed_role_takes_its_secrets_and_tokens_along(service: Service, roles: AppRoles) -> None:
    made, role_id = roles.make_secret_id("etl"), roles.found("etl").value.role_id
    issued = roles.login(role_id, made.text, HERE)
    assert roles.remove("etl")
    assert not roles.remove("etl")
    with pytest.raises(Unauthenticated):
        service.tokens.authenticate(issued.token.text, HERE)
    roles.put("etl", AppRole())
    roles.set_role_id("etl", role_id)
    assert why(roles, role_id, made.text) == "approle:etl: unknown secret id"
    with service.records.reading() as session:
        assert session.page(SECRET_ID, SecretIdRecord) == []


def test_a_role_id_can_be_chosen_and_belongs_to_one_role(roles: AppRoles) -> None:
    first = roles.found("etl").value.role_id
    roles.set_role_id("etl", "Chosen role / id")
    made = roles.make_secret_id("etl")
    assert login(roles, made.text).identity == "approle:etl"
    assert why(roles, first, made.text) == "unknown role id"
    assert why(roles, "chosen role / id", made.text) == "unknown role id"
    roles.put("other", AppRole())
    with pytest.raises(Conflict):
        roles.set_role_id("other", "Chosen role / id")


def test_a_role_keeps_its_ids_when_it_is_changed(roles: AppRoles) -> None:
    made, before = roles.make_secret_id("etl"), roles.found("etl")
    roles.put("etl", AppRole(token_policies=("writer",)), expect=before.version)
    assert login(roles, made.text).policies == ("default", "writer")
    with pytest.raises(StaleExpectation):
        roles.put("etl", AppRole(), expect=before.version)


def test_a_role_without_secret_ids_is_bound_to_networks(roles: AppRoles) -> None:
    with pytest.raises(ValueError, match="bounds"):
        AppRole(bind_secret_id=False)
    roles.put("etl", AppRole(bind_secret_id=False, secret_id_bounds=("10.0.0.0/8",)))
    assert login(roles, "").identity == "approle:etl"
    assert "not from this address" in why(roles, roles.found("etl").value.role_id, "", "192.168.0.1")
    with pytest.raises(InvalidRequest, match="takes no secret ids"):
        roles.make_secret_id("etl")


def test_nobody_logs_in_as_root(roles: AppRoles) -> None:
    with pytest.raises(InvalidRequest, match="root"):
        roles.put("etl", AppRole(token_policies=("root",)))


def test_secret_ids_are_swept_when_their_time_is_over(service: Service, roles: AppRoles, clock: Clock) -> None:
    roles.make_secret_id("etl", ttl=HOUR)
    roles.make_secret_id("etl")
    assert roles.tidy() == 0
    clock.forward(hours=1)
    assert roles.tidy() == 1
    with service.records.reading() as session:
        assert len(session.page(SECRET_ID, SecretIdRecord)) == 1
        assert len(session.page(SECRET_ID_INDEX, SecretIdIndex)) == 1


def test_a_secret_id_is_good_after_the_keys_of_the_registry_were_rotated(service: Service, roles: AppRoles) -> None:
    made = roles.make_secret_id("etl", uses=2)
    service.workspaces.own.rotate("workspace")
    assert login(roles, made.text)
    assert login(roles, made.text)


def test_a_secret_id_stands_nowhere_in_the_clear(service: Service, roles: AppRoles) -> None:
    made = roles.make_secret_id("etl")
    assert made.text not in repr(made)
    with service.records.reading() as session:
        assert made.text not in str(session.page(SECRET_ID, SecretIdRecord))
        assert made.text not in str(session.page(SECRET_ID_INDEX, SecretIdIndex))
