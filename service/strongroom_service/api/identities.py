"""``/api/v1/identities``: users, accounts, groups, roles of machines and providers, read and written alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from strongroom_registry.errors import StaleExpectation

from strongroom_service.api.paging import Page, page_of_names
from strongroom_service.errors import Conflict, Forbidden, InvalidRequest, UnknownThing
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.preconditions import check_no_precondition, etag, expected_version
from strongroom_service.http.route import Route
from strongroom_service.identity.address_bounds import bounds_of
from strongroom_service.identity.app_role import AppRole, StoredRole
from strongroom_service.identity.caller import ROOT
from strongroom_service.identity.people import Account, Group, User
from strongroom_service.identity.providers.outward import check_address, check_authorities
from strongroom_service.identity.providers.provider import (
    KIND as PROVIDER,
)
from strongroom_service.identity.providers.provider import (
    KubernetesProvider,
    OidcProvider,
    ProviderRecord,
    StoredProvider,
)
from strongroom_service.identity.providers.vouching import check_settings
from strongroom_service.identity.standings import facts_of_person, policies_of_groups
from strongroom_service.policies.resource import Resource, service
from strongroom_service.policies.verbs import Verb
from strongroom_service.state.directory import Found


class NamePage(BaseModel):
    """Names; ``next`` is the cursor of the page that follows, if there is one."""

    names: list[str]
    next: str | None = None


class _Told(BaseModel):
    name: str
    version: int = Field(description="The number of its version, which the ETag is made of.")


class UserTold(_Told):
    """A user."""

    has_password: bool
    user: User


class AccountTold(_Told):
    """A service account."""

    account: Account


class GroupTold(_Told):
    """A group."""

    group: Group


class AppRoleTold(_Told):
    """A role that machines log in as."""

    role_id: str
    approle: AppRole


class ProviderTold(_Told):
    """A provider. What is secret in its settings is not told."""

    has_secret: bool
    provider: ProviderRecord


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of identities.

    :param word: what policies and the directory call it.
    :param plural: where it is found.
    :param policies: what it gives whoever it is for.
    :param is_somebody: whether somebody can be it; of a group, nobody is.
    """

    word: str
    plural: str
    title: str
    model: type[Any]
    told: Callable[[Call, str], Answer]
    policies: Callable[[Call, Any], Iterable[str]]
    put: Callable[[Call, str, Any, int | None], object]
    remove: Callable[[Call, str], bool]
    consequence: str = "The tokens that came by it end."
    is_somebody: bool = True

    def names(self, call: Call) -> Answer:
        names, more = page_of_names(call, call.service.directory.names(self.word), self.at)
        return Answer(NamePage(names=list(names), next=more))

    def read(self, call: Call) -> Answer:
        name = call.params["name"]
        call.require(Verb.VIEW, self.at(name))
        return self.told(call, name)

    def write(self, call: Call) -> Answer:
        name, expect = call.params["name"], expected_version(call.headers)
        call.require(Verb.ADMINISTER, self.at(name))
        given = list(self.policies(call, call.body))
        if ROOT in given:
            raise InvalidRequest("Nobody logs in with the policy root.", "Make a token of root instead.")
        call.service.policies.check_grant(call.caller, given, self.facts(name, call.body))
        for _ in range(_TRIES):
            there = self._taken_over(call, name)
            self._check_groups(call, there.value if there else None)
            try:
                self.put(call, name, call.body, expect if expect is not None else there.version if there else 0)
            except StaleExpectation:
                if expect is not None:
                    raise
            else:
                return self.told(call, name)
        raise Conflict(f"The {self.title} is being changed by others.", "Try again.")

    def delete(self, call: Call) -> Answer:
        name = call.params["name"]
        check_no_precondition(call.headers)
        call.require(Verb.ADMINISTER, self.at(name))
        self._taken_over(call, name)
        if not self.is_somebody:  # of all others the tokens end
            call.service.policies.check_taken(call.caller, policies_of_groups(call.service.directory, (name,)))
        if not self.remove(call, name):
            raise unknown(self.word)
        return Answer()

    def _taken_over(self, call: Call, name: str) -> Found[Any] | None:
        """What is there. Whoever may not give what somebody has may not change him either: with a password or a secret
        id that he made meanwhile, he would be him when he has it again.

        :raises Forbidden: he may more than the caller may give.
        """
        there = call.service.directory.found(self.word, name, _STORED.get(self.word, self.model))
        if there is not None and self.is_somebody:
            had = list(self.policies(call, there.value))
            call.service.policies.check_grant(call.caller, had, self.facts(name, there.value))
        return there

    def _check_groups(self, call: Call, had: Any) -> None:
        """Whoever puts somebody into a group gives him what it will give too.

        :raises Forbidden: one of the groups is new to him, and not the caller's to administer.
        """
        if call.service.policies.gives_any(call.caller):
            return
        for group in sorted(_groups(call.body) - _groups(had)):
            if not call.service.decide(call.caller, Verb.ADMINISTER, service("identities", f"group:{group}")).allowed:
                raise Forbidden(
                    f"You may not put anybody into the group {group:.96}, nor have a provider do so.",
                    "Have it done by somebody who may administer the group, or :service/tokens.",
                )

    def facts(self, name: str, given: Any) -> dict[str, str] | None:
        """What policies may say of whoever it is for; None where that may be anybody."""
        if isinstance(given, User | Account):
            return facts_of_person(self.word, name, given)
        return given.facts(name) if isinstance(given, AppRole) else None

    def at(self, name: str) -> Resource:
        """What policies call one of them."""
        return service("identities", f"{self.word}:{name}")


def unknown(word: str) -> UnknownThing:
    """That there is none of this name."""
    return UnknownThing(f"There is no such {word}.", f"'strongroom identity {word} ls' lists those that there are.")


def _user(call: Call, name: str) -> Answer:
    found = call.service.directory.found("user", name, User)
    if found is None:
        raise unknown("user")
    has_password = call.service.logins.passwords.has_password(name)
    told = UserTold(name=name, version=found.version, has_password=has_password, user=found.value)
    return _tagged(told)


def _account(call: Call, name: str) -> Answer:
    found = call.service.directory.found("account", name, Account)
    if found is None:
        raise unknown("account")
    return _tagged(AccountTold(name=name, version=found.version, account=found.value))


def _group(call: Call, name: str) -> Answer:
    found = call.service.directory.found("group", name, Group)
    if found is None:
        raise unknown("group")
    return _tagged(GroupTold(name=name, version=found.version, group=found.value))


def _approle(call: Call, name: str) -> Answer:
    found = call.service.logins.app_roles.found(name)
    role = found.value
    return _tagged(AppRoleTold(name=name, version=found.version, role_id=role.role_id, approle=role.role))


def _provider(call: Call, name: str) -> Answer:
    found = call.service.directory.found(PROVIDER, name, StoredProvider)
    if found is None:
        raise unknown("provider")
    secret = _SECRETS.get(found.value.settings.type, "")
    told = ProviderTold(
        name=name,
        version=found.version,
        has_secret=bool(secret and getattr(found.value.settings, secret)),
        provider=_with_secret(found.value.record, ""),
    )
    return _tagged(told)


def _put_plainly(word: str) -> Callable[[Call, str, Any, int | None], object]:
    return lambda call, name, value, expect: call.service.directory.put(word, name, value, expect=expect)


def _put_user(call: Call, name: str, user: User, expect: int | None) -> object:
    """A password that a former user of the name left behind, when a process died, is not that of the new one."""
    if call.service.directory.get("user", name, User) is None:
        call.service.logins.passwords.remove_password(name)
    return call.service.directory.put("user", name, user, expect=expect)


def _put_approle(call: Call, name: str, role: AppRole, expect: int | None) -> object:
    return call.service.logins.app_roles.put(name, role, expect=expect)


def _put_provider(call: Call, name: str, record: ProviderRecord, expect: int | None) -> object:
    """A secret that is not given stays, as long as it goes to whom it went before."""
    settings = record.settings
    for url in (getattr(settings, part, None) for part in ("issuer", "jwks_url", "api", "sts")):
        if url is not None:
            check_address(url)
    check_authorities(settings.ca)
    bounds_of(settings.token_bounds)
    if isinstance(settings, KubernetesProvider):
        check_settings(settings)
    there = call.service.directory.get(PROVIDER, name, StoredProvider)
    secret = _SECRETS.get(settings.type, "")
    if there is not None and secret and not getattr(settings, secret) and _is_for_the_same(there, record):
        record = _with_secret(record, getattr(there.settings, secret))
    stored = StoredProvider(**dict(record), makers=call.service.tokens.makers_of(call.caller))
    return call.service.directory.put(PROVIDER, name, stored, expect=expect)


_SECRETS = {"oidc": "client_secret", "kubernetes": "reviewer_token"}
_STORED: dict[str, type[Any]] = {"approle": StoredRole, PROVIDER: StoredProvider}
_TRIES = 16


def _with_secret(record: ProviderRecord, secret: str) -> ProviderRecord:
    field = _SECRETS.get(record.settings.type)
    if field is None:
        return record
    return record.model_copy(update={"settings": record.settings.model_copy(update={field: secret})})


def _is_for_the_same(one: ProviderRecord, other: ProviderRecord) -> bool:
    if isinstance(one.settings, OidcProvider) and isinstance(other.settings, OidcProvider):
        return _whom(one.settings, "issuer", "client_id", "ca") == _whom(other.settings, "issuer", "client_id", "ca")
    if isinstance(one.settings, KubernetesProvider) and isinstance(other.settings, KubernetesProvider):
        return _whom(one.settings, "api", "ca") == _whom(other.settings, "api", "ca")
    return False


def _whom(settings: OidcProvider | KubernetesProvider, *parts: str) -> tuple[object, ...]:
    """Whom a secret goes to: who is at an address is for the authority to say that vouches for it."""
    return tuple(getattr(settings, part) for part in parts)


def _remove_user(call: Call, name: str) -> bool:
    was_there = call.service.directory.remove("user", name)
    call.service.logins.passwords.remove_password(name)
    call.service.tokens.revoke_origin(f"user.{name}")
    return was_there


def _remove_account(call: Call, name: str) -> bool:
    was_there = call.service.directory.remove("account", name)
    call.service.tokens.revoke_origin(f"account.{name}")
    return was_there


def _remove_provider(call: Call, name: str) -> bool:
    was_there = call.service.directory.remove(PROVIDER, name)
    call.service.tokens.revoke_origin(f"{PROVIDER}.{name}")
    return was_there


def _of_person(call: Call, person: User | Account) -> list[str]:
    return [*person.policies, *policies_of_groups(call.service.directory, person.groups)]


def _of_provider(call: Call, record: ProviderRecord) -> list[str]:
    rules = record.settings.rules
    groups = [group for rule in rules for group in rule.groups]
    named = [policy for rule in rules for policy in rule.policies]
    return [*named, *policies_of_groups(call.service.directory, groups)]


def _groups(given: Any) -> set[str]:
    """The groups that somebody is in, or that a provider puts people into."""
    if isinstance(given, ProviderRecord):
        return {group for rule in given.settings.rules for group in rule.groups}
    return set(given.groups) if isinstance(given, User | Account) else set()


def _tagged(told: _Told) -> Answer:
    return Answer(told, headers={"ETag": etag(told.version)})


_BASE = "/api/v1/identities"
_TAGS = ("identities",)
KINDS: dict[str, tuple[Kind, type[BaseModel]]] = {
    "user": (
        Kind("user", "users", "user", User, _user, _of_person, _put_user, _remove_user),
        UserTold,
    ),
    "account": (
        Kind(
            "account",
            "accounts",
            "service account",
            Account,
            _account,
            _of_person,
            _put_plainly("account"),
            _remove_account,
        ),
        AccountTold,
    ),
    "group": (
        Kind(
            "group",
            "groups",
            "group",
            Group,
            _group,
            lambda _, group: group.policies,
            _put_plainly("group"),
            lambda call, name: call.service.directory.remove("group", name),
            "Whoever names it goes on without it.",
            is_somebody=False,
        ),
        GroupTold,
    ),
    "approle": (
        Kind(
            "approle",
            "approles",
            "role that machines log in as",
            AppRole,
            _approle,
            lambda _, role: role.token_policies,
            _put_approle,
            lambda call, name: call.service.logins.app_roles.remove(name),
        ),
        AppRoleTold,
    ),
    "provider": (
        Kind(
            "provider",
            "providers",
            "provider",
            ProviderRecord,
            _provider,
            _of_provider,
            _put_provider,
            _remove_provider,
        ),
        ProviderTold,
    ),
}


def _routes(kind: Kind, told: type[BaseModel]) -> list[Route]:
    one = f"{_BASE}/{kind.plural}/{{name}}"
    return [
        Route(
            method="GET",
            path=f"{_BASE}/{kind.plural}",
            handler=kind.names,
            summary=f"List the {kind.plural} that the caller may list.",
            query=Page,
            answer=NamePage,
            tags=_TAGS,
        ),
        Route(
            method="GET",
            path=one,
            handler=kind.read,
            summary=f"Read a {kind.title}.",
            answer=told,
            tags=_TAGS,
            errors=(404,),
        ),
        Route(
            method="PUT",
            path=one,
            handler=kind.write,
            summary=f"Write a {kind.title}.",
            description="With `If-Match` (the ETag of the version that was read) or `If-None-Match: *` (a new one) it "
            "is written only if nobody else was faster. It gives policies of the caller alone, did before too, and is "
            "put into groups that he may administer, unless he may administer `:service/tokens`.",
            body=kind.model,
            answer=told,
            tags=_TAGS,
            errors=(412,),
        ),
        Route(
            method="DELETE",
            path=one,
            handler=kind.delete,
            summary=f"Remove a {kind.title}. {kind.consequence}",
            status=204,
            tags=_TAGS,
            errors=(404,),
        ),
    ]


ROUTES: tuple[Route, ...] = tuple(route for kind, told in KINDS.values() for route in _routes(kind, told))
