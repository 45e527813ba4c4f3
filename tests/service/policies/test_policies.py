"""The policies of a service: reserved ones, who may write and give them, and that a change counts at once."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from strongroom_registry.errors import StaleExpectation
from strongroom_service.errors import Forbidden, InvalidRequest
from strongroom_service.identity.caller import Caller
from strongroom_service.policies.policies import Policies
from strongroom_service.policies.policy import Policy
from strongroom_service.policies.resource import Resource, block
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import Service


def policy(*rules: tuple[str, list[str], list[str]], **more: object) -> Policy:
    return Policy.model_validate({"rules": [{"effect": e, "paths": p, "verbs": v, **more} for e, p, v in rules]})


def caller(*policies: str, **facts: str) -> Caller:
    named = {name.replace("_", "."): value for name, value in facts.items()}
    return Caller("user:alice", "a1", policies, named, "10.0.0.1")


def verbs(policies: Policies, who: Caller, resource: Resource) -> list[Verb]:
    return [verb for verb in Verb if policies.decide(who, verb, resource).allowed]


@pytest.fixture
def policies(service: Service) -> Policies:
    return service.policies


@pytest.mark.parametrize(
    "name",
    [
        "root",
        "Root",
        "ROOT",
        "default",
        "Default",
        " root",
        "root ",
        "ｒｏｏｔ",
        "roo\u24e3",
        "DEFAULT",
        "\u017froot"[1:],
    ],
)
def test_no_variant_of_a_reserved_name_can_be_written_or_removed(policies: Policies, name: str) -> None:
    with pytest.raises(InvalidRequest):
        policies.write(name, policy(("allow", ["**"], ["*"])))
    with pytest.raises(InvalidRequest):
        policies.remove(name)


@pytest.mark.parametrize("name", ["", "Admin", "a/b", "..", "-a", "a-", "r\u043eot", "a b", "a" * 97, "a\n", "*"])
def test_what_is_no_name_of_a_policy(policies: Policies, name: str) -> None:
    with pytest.raises(InvalidRequest):
        policies.write(name, policy())


def test_a_variant_of_root_gives_nothing(policies: Policies) -> None:
    for name in ("Root", "ROOT", "root.", " root"):
        assert not policies.decide(caller(name), Verb.VIEW, block("a", "db")).allowed
    assert policies.decide(caller("root"), Verb.VIEW, block("a", "db")).allowed


def test_default_is_about_the_token_itself_alone(policies: Policies) -> None:
    own = Resource.parse(":service/tokens/self")
    assert verbs(policies, caller("default"), own) == [Verb.VIEW, Verb.WRITE, Verb.DELETE]
    for path in ("a/db", "a/:audit", ":service/tokens", ":service/tokens/abc", ":service/policies/default"):
        assert verbs(policies, caller("default"), Resource.parse(path)) == []


def test_a_change_counts_at_once_and_a_policy_that_is_gone_gives_nothing(service: Service) -> None:
    policies, alice = service.policies, caller("readers", "gone")
    assert not policies.decide(alice, Verb.VIEW, block("a", "db")).allowed
    assert policies.write("readers", policy(("allow", ["a/*"], ["view"])), expect=0) == 1
    assert policies.decide(alice, Verb.VIEW, block("a", "db")).allowed
    Policies(service.directory).write("readers", policy(("deny", ["a/*"], ["view"])), expect=1)
    assert not policies.decide(alice, Verb.VIEW, block("a", "db")).allowed
    policies.write("readers", policy(("allow", ["a/*"], ["view"])))
    assert policies.decide(alice, Verb.VIEW, block("a", "db")).allowed
    assert policies.remove("readers")
    assert not policies.decide(alice, Verb.VIEW, block("a", "db")).allowed
    assert not policies.remove("readers")


def test_a_write_that_somebody_else_was_faster_with(policies: Policies) -> None:
    policies.write("p", policy())
    for expect in (0, 7):
        with pytest.raises(StaleExpectation):
            policies.write("p", policy(), expect=expect)


def test_facts_of_one_caller_are_not_those_of_another(policies: Policies) -> None:
    policies.write("team", policy(("allow", ["team-{{identity.metadata.team}}/*"], ["view"])))
    data, web = caller("team", metadata_team="data"), caller("team", metadata_team="web")
    for _ in range(2):
        assert policies.decide(data, Verb.VIEW, block("team-data", "db")).allowed
        assert not policies.decide(web, Verb.VIEW, block("team-data", "db")).allowed
    assert policies.filter(data, Verb.VIEW, "team-data", ["x"]) == ["x"]
    assert policies.filter(web, Verb.VIEW, "team-data", ["x"]) == []


@pytest.mark.parametrize("value", ["*", "a*", "a/b", "../x", "{{identity.name}}", "+", "a@3", ":audit", "a\n", "[a]"])
def test_metacharacters_are_refused_where_a_fact_is_given(client: TestClient, value: str) -> None:
    answer = client.put("/api/v1/identities/accounts/etl", json={"metadata": {"team": value}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert len(value) < 2 or value not in answer.json()["error"]["message"]
    assert client.put("/api/v1/identities/accounts/etl", json={"metadata": {"team": "R and D"}}).status_code == 200


WRITER = [("allow", ["a/*"], ["view", "reveal"]), ("allow", [":service/policies/team-*"], ["administer"])]


@pytest.mark.parametrize(
    ("rule", "may"),
    [
        (("allow", ["a/db"], ["reveal"]), True),
        (("allow", ["a/*"], ["view", "reveal"]), True),
        (("allow", ["a/db@stable"], ["reveal"]), True),
        (("allow", ["a/{{identity.name}}"], ["view"]), True),
        (("deny", ["**"], ["*"]), True),
        (("allow", [":service/policies/team-x"], ["administer"]), True),
        (("allow", ["a/*"], ["write"]), False),
        (("allow", ["a/**"], ["view"]), False),
        (("allow", ["*/db"], ["view"]), False),
        (("allow", ["{{identity.name}}/db"], ["view"]), False),
        (("allow", ["a/db", "b/db"], ["view"]), False),
        (("allow", [":service/policies/*"], ["administer"]), False),
        (("allow", ["**"], ["*"]), False),
    ],
)
def test_who_writes_some_policies_gives_no_more_than_he_has(
    policies: Policies, rule: tuple[str, list[str], list[str]], may: bool
) -> None:
    policies.write("writer", policy(*WRITER))
    if may:
        policies.check_writable(caller("writer"), "team-x", policy(rule))
    else:
        with pytest.raises(Forbidden):
            policies.check_writable(caller("writer"), "team-x", policy(rule))


def test_who_is_denied_something_cannot_give_it(policies: Policies) -> None:
    policies.write("writer", policy(*WRITER, ("deny", ["a/secret-*"], ["reveal"])))
    for path in ("a/*", "a/secret-db", "a/s*", "a/*-db"):
        with pytest.raises(Forbidden):
            policies.check_writable(caller("writer"), "team-x", policy(("allow", [path], ["reveal"])))
    policies.check_writable(
        caller("writer"), "team-x", policy(("allow", ["a/*"], ["view"]), ("allow", ["a/db-*"], ["reveal"]))
    )


def test_what_holds_from_some_networks_is_given_for_these_alone(policies: Policies) -> None:
    inside = {"when": {"addresses": ["10.0.0.0/8"]}}
    policies.write("writer", policy(("allow", ["a/*"], ["view"]), **inside))
    rule = ("allow", ["a/db"], ["view"])
    policies.check_writable(caller("writer"), "team-x", policy(rule, when={"addresses": ["10.3.0.0/16"]}))
    for more in ({}, {"when": {"addresses": ["11.0.0.0/16"]}}):
        with pytest.raises(Forbidden):
            policies.check_writable(caller("writer"), "team-x", policy(rule, **more))


def test_who_administers_all_policies_may_write_any(policies: Policies) -> None:
    policies.write("admin", policy(("allow", [":service/policies/**"], ["administer"])))
    policies.check_writable(caller("admin"), "team-x", policy(("allow", ["**"], ["*"])))
    policies.write("but", policy(("deny", [":service/policies/root-*"], ["administer"])))
    with pytest.raises(Forbidden):
        policies.check_writable(caller("admin", "but"), "team-x", policy(("allow", ["**"], ["*"])))


def test_nobody_takes_away_what_a_policy_denies_him(policies: Policies) -> None:
    deny = ("deny", ["a/secret-*"], ["reveal"])
    policies.write("writer", policy(*WRITER))
    policies.write("team-limits", policy(deny, ("deny", ["b/*"], ["*"])))
    mine, other = caller("writer", "team-limits"), caller("writer")
    for changed in (
        None,
        policy(),
        policy(deny),
        policy(("deny", ["a/secret-db"], ["reveal"]), ("deny", ["b/*"], ["*"])),
    ):
        policies.check_writable(other, "team-limits", changed)
        with pytest.raises(Forbidden):
            policies.check_writable(mine, "team-limits", changed)
    stays = policy(("allow", ["a/db"], ["view"]), ("deny", ["b/*"], ["*"]), deny)
    policies.check_writable(mine, "team-limits", stays)


def test_policies_that_are_given_away_are_ones_own_and_denials_come_along(policies: Policies) -> None:
    policies.write("staff", policy(("allow", ["a/*"], ["view"])))
    policies.write("contractor", policy(("deny", ["a/secret-*"], ["*"])))
    alice = caller("staff", "contractor", "default")
    policies.check_grant(alice, ("staff", "contractor"))
    policies.check_grant(alice, ("contractor", "default"))
    for names in (("staff",), ("staff", "contractor", "admin"), ("staff", "contractor", "root"), ()):
        with pytest.raises(Forbidden):
            policies.check_grant(alice, names)
    policies.write("tokens", policy(("allow", [":service/tokens"], ["administer"])))
    policies.check_grant(caller("tokens"), ("staff", "admin"))
    with pytest.raises(Forbidden):
        policies.check_grant(caller("tokens"), ("root",))
