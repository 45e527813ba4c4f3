"""``/v1/auth/token``: what hvac's tests leave out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from canaries import Plant
from servers.service import Clock

Ask = Callable[..., Any]
Policy = Callable[[str, str], None]

CREATE, SELF = "auth/token/create", "auth/token/lookup-self"


def test_a_token_says_of_itself_what_vaults_do(ask: Ask, clock: Clock) -> None:
    wish = {"policies": ["reader"], "ttl": "1h", "meta": {"team": "data"}, "display_name": "job"}
    auth = ask(CREATE, explicit_max_ttl="2h", **wish).auth
    data = ask(SELF, "GET", by=auth["client_token"]).data
    assert (data["id"], data["accessor"]) == (auth["client_token"], auth["accessor"])
    assert (data["creation_time"], data["ttl"], data["creation_ttl"]) == (int(clock.now.timestamp()), 3600, 3600)
    assert (data["explicit_max_ttl"], data["num_uses"], data["type"]) == (7200, 0, "service")
    assert (data["display_name"], data["meta"], data["path"]) == ("token-job", {"team": "data"}, CREATE)
    assert (data["policies"], data["orphan"], data["renewable"]) == (["default", "reader"], False, True)
    assert data["expire_time"] == "2026-03-04T06:06:07Z"


def test_a_token_is_renewed_up_to_its_most(ask: Ask, clock: Clock) -> None:
    token = ask(CREATE, policies=["reader"], ttl="1h", explicit_max_ttl="90m").auth["client_token"]
    clock.advance(minutes=50)
    assert ask("auth/token/renew-self", by=token).auth["lease_duration"] == 40 * 60
    clock.advance(minutes=41)
    assert ask(SELF, "GET", by=token).status == 403


def test_a_periodic_token_is_renewed_without_end(ask: Ask, clock: Clock) -> None:
    token = ask(CREATE, policies=["reader"], period="30m").auth["client_token"]
    for _ in range(20):
        clock.advance(minutes=29)
        assert ask("auth/token/renew-self", by=token).auth["lease_duration"] == 1800
    clock.advance(minutes=30)
    assert ask("auth/token/renew-self", by=token).status == 403


def test_children_end_with_their_parent_and_orphans_do_not(ask: Ask, policy: Policy) -> None:
    policy("maker", 'path "auth/token/*" { capabilities = ["update", "sudo"] }')
    parent = ask(CREATE, policies=["maker"]).auth["client_token"]
    child, orphan = ask(CREATE, by=parent).auth, ask("auth/token/create-orphan", by=parent).auth
    assert (child["orphan"], orphan["orphan"]) == (False, True)
    assert ask("auth/token/revoke-self", by=parent).status == 204
    assert ask(SELF, "GET", by=child["client_token"]).status == 403
    assert ask(SELF, "GET", by=orphan["client_token"]).status == 200


def test_revoked_alone_a_token_leaves_its_children(ask: Ask) -> None:
    parent = ask(CREATE).auth["client_token"]
    child = ask(CREATE, by=parent, policies=["reader"]).auth["client_token"]
    assert ask("auth/token/revoke-orphan", token=parent).status == 204
    assert ask(SELF, "GET", by=parent).status == 403
    assert ask(SELF, "GET", by=child).data["orphan"] is True


def test_a_child_has_the_policies_of_its_parent_unless_others_are_named(ask: Ask) -> None:
    assert ask(CREATE).auth["policies"] == ["root"]
    assert ask(CREATE, policies="b,a").auth["policies"] == ["a", "b", "default"]
    assert ask(CREATE, policies=["a"], no_default_policy=True).auth["policies"] == ["a"]


@pytest.mark.parametrize(
    "wish",
    [{"policies": ["root"]}, {"policies": ["other"]}, {"period": "1h"}, {"no_parent": True}],
    ids=["root", "a policy of others", "a period", "no parent"],
)
def test_without_sudo_nobody_gives_more_than_he_has(ask: Ask, policy: Policy, wish: dict[str, Any]) -> None:
    policy("maker", 'path "auth/token/create" { capabilities = ["update"] }')
    token = ask(CREATE, policies=["maker"]).auth["client_token"]
    assert ask(CREATE, by=token, policies=["maker"]).status == 200
    assert ask(CREATE, by=token, **wish).status == 403


@pytest.mark.parametrize(
    "wish",
    [
        {"id": "chosen"}, {"type": "batch"}, {"entity_alias": "x"}, {"nothing_such": 1}, {"ttl": "soon"},
        {"meta": {"a": 1}}, {"num_uses": -1}, {"policies": ["no/name"]}, {"renewable": "perhaps"},
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused(ask: Ask, wish: dict[str, Any]) -> None:
    assert ask(CREATE, **wish).status == 400


def test_a_use_count_is_used_up(ask: Ask) -> None:
    token = ask(CREATE, policies=["reader"], num_uses=2).auth["client_token"]
    assert [ask(SELF, "GET", by=token).status for _ in range(3)] == [200, 200, 403]


def test_a_role_gives_policies_that_its_users_do_not_have(ask: Ask, policy: Policy) -> None:
    policy("maker", 'path "auth/token/create/deploy" { capabilities = ["update"] }')
    role = {"allowed_policies": ["deployer"], "orphan": True, "token_period": "1h", "path_suffix": "ci"}
    assert ask("auth/token/roles/deploy", **role).status == 204
    token = ask(CREATE, policies=["maker"]).auth["client_token"]
    auth = ask("auth/token/create/deploy", by=token).auth
    assert (auth["policies"], auth["orphan"], auth["lease_duration"]) == (["default", "deployer"], True, 3600)
    assert ask("auth/token/lookup", token=auth["client_token"]).data["path"] == "auth/token/create/deploy/ci"
    for wish in ({"policies": ["maker"]}, {"policies": ["root"]}, {"policies": ["deployer", "maker"]}):
        assert ask("auth/token/create/deploy", by=token, **wish).status == 400
    assert ask("auth/token/create/nothing").status == 400


def test_a_role_allows_by_globs_and_what_it_disallows_it_never_gives(ask: Ask) -> None:
    role = {"allowed_policies_glob": ["team-*"], "disallowed_policies": ["team-admin"]}
    assert ask("auth/token/roles/teams", **role).status == 204
    assert ask("auth/token/create/teams", policies=["team-a"]).auth["policies"] == ["default", "team-a"]
    assert ask("auth/token/create/teams", policies=["team-admin"]).status == 400
    assert ask("auth/token/create/teams").auth["policies"] == ["default"]
    assert ask("auth/token/create/teams", policies=["root"]).status == 400


def test_a_role_gives_no_more_than_it_says(ask: Ask, policy: Policy) -> None:
    policy("maker", 'path "auth/token/create/short" { capabilities = ["update"] }')
    role = {"allowed_policies": ["a"], "token_explicit_max_ttl": "1h", "token_num_uses": 5}
    assert ask("auth/token/roles/short", **role).status == 204
    token = ask(CREATE, policies=["maker"]).auth["client_token"]
    for wish in ({"period": "1h"}, {"no_parent": True}):
        assert ask("auth/token/create/short", by=token, **wish).status == 403
    less = ask("auth/token/create/short", by=token, explicit_max_ttl="10m", num_uses=3).auth
    more = ask("auth/token/create/short", by=token, explicit_max_ttl="5h", ttl="5h", num_uses=9).auth
    assert [(auth["lease_duration"], auth["num_uses"]) for auth in (less, more)] == [(600, 3), (3600, 5)]


def test_a_role_that_names_no_policies_gives_those_of_its_user(ask: Ask, policy: Policy) -> None:
    policy("maker", 'path "auth/token/create/any" { capabilities = ["update"] }')
    assert ask("auth/token/roles/any", token_num_uses=7).status == 204
    token = ask(CREATE, policies=["maker"]).auth["client_token"]
    assert ask("auth/token/create/any", by=token, policies=["maker"]).auth["num_uses"] == 7
    assert ask("auth/token/create/any", by=token, policies=["other"]).status == 400


def test_roles_are_read_changed_and_removed(ask: Ask) -> None:
    assert ask("auth/token/roles/r", allowed_policies="a,b", renewable=False).status == 204
    assert ask("auth/token/roles/r", token_explicit_max_ttl="1h").status == 204
    data = ask("auth/token/roles/r", "GET").data
    assert (data["allowed_policies"], data["renewable"], data["token_explicit_max_ttl"]) == (["a", "b"], False, 3600)
    assert ask("auth/token/roles/r", "DELETE").status == 204
    assert ask("auth/token/roles/r", "GET").status == 404
    for wish in ({"allowed_entity_aliases": ["x"]}, {"token_type": "batch"}, {"path_suffix": "a/b"}):
        assert ask("auth/token/roles/r", **wish).status == 400


def test_only_sudo_lists_accessors(ask: Ask, policy: Policy) -> None:
    policy("lister", 'path "auth/token/accessors" { capabilities = ["list"] }')
    policy("chief", 'path "auth/token/accessors" { capabilities = ["list", "sudo"] }')
    lister, chief = (ask(CREATE, policies=[name]).auth for name in ("lister", "chief"))
    assert ask("auth/token/accessors", "LIST", by=lister["client_token"]).status == 403
    keys = ask("auth/token/accessors", "LIST", by=chief["client_token"]).data["keys"]
    assert {lister["accessor"], chief["accessor"]} < set(keys)


@pytest.mark.parametrize("text", ["", "x", "srt_x", "root", "\x1b"])
def test_what_is_no_token_is_refused_alike(ask: Ask, text: str) -> None:
    assert ask(SELF, "GET", by=text).status == 403
    assert ask("auth/token/renew", token=text or "-").status == 403
    assert ask("auth/token/revoke", token=text or "-").status == 400
    assert ask("auth/token/lookup-accessor", accessor=text or "-").status == 400


def test_no_answer_but_that_of_its_making_has_the_token_of_an_accessor(ask: Ask, canary: Plant) -> None:
    auth = ask(CREATE, policies=["reader"]).auth
    token = canary(value=auth["client_token"])
    for path in ("lookup-accessor", "renew-accessor", "revoke-accessor"):
        answer = ask(f"auth/token/{path}", accessor=auth["accessor"])
        assert token not in str(answer.json)
        assert answer.status < 300
