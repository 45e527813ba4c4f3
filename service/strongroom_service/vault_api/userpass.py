"""``auth/userpass`` and other mounts of its type: names with passwords, in Vault's words.

Each mount has users of its own, apart from those of the service. Case does not count in their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict
from strongroom_registry.document import is_name

from strongroom_service.errors import InvalidRequest, Unauthenticated
from strongroom_service.http.call import Answer
from strongroom_service.identity.address_bounds import bounds_of
from strongroom_service.identity.caller import ROOT
from strongroom_service.identity.grant import Grant, policy_names
from strongroom_service.identity.lockout import Lockout
from strongroom_service.identity.passwords import LONGEST, PasswordRecord, Passwords, hashed
from strongroom_service.identity.sign_in_name import canonical_name
from strongroom_service.identity.token_record import DEFAULT
from strongroom_service.service import Service
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import WRITES, Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, done, invalid, listed
from strongroom_service.vault_api.mount import EngineDefaults, Mount
from strongroom_service.vault_api.token_view import auth_of

SHORTEST = 8
PASSWORD = "userpass-password"  # noqa: S105  # what the directory calls them, apart from those of users of the service
_FIELDS = frozenset(
    {"username", "password", "policies", "token_policies", "ttl", "token_ttl", "max_ttl", "token_max_ttl"}
    | {"token_explicit_max_ttl", "token_period", "token_num_uses", "bound_cidrs", "token_bound_cidrs"}
    | {"token_no_default_policy", "token_type"}
)


class UserpassUser(BaseModel):
    """A user of such a mount, without the password. Durations are zero, and ``uses``, where nothing is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policies: tuple[str, ...] = ()
    ttl: timedelta = timedelta()
    max_ttl: timedelta = timedelta()
    explicit_max_ttl: timedelta = timedelta()
    period: timedelta = timedelta()
    uses: int = 0
    bounds: tuple[str, ...] = ()
    no_default_policy: bool = False
    disabled: bool = False


Handler = Callable[[VaultCall, Mount, str], Answer]


class UserpassAuth(EngineDefaults):
    """Answers beneath mounts of userpass."""

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        """Answer a request.

        :raises UnknownThing: it is no path of this.
        """
        first, _, name = rest.partition("/")
        if first == "login" and name and "/" not in name and call.operation in WRITES:
            return _login(call, mount, canonical_name(name))
        if rest == "users" and call.operation is Operation.LIST:
            return listed(call, call.service.directory.names(mount.accessor))
        name, _, part = name.partition("/")
        handlers = PATHS.get(part) if first == "users" and name else None
        if handlers is None:
            raise absent("no handler for route")
        for operations, handler in handlers.items():
            if call.operation in operations:
                return handler(call, mount, canonical_name(name))
        raise invalid("unsupported operation")

    def exists(self, service: Service, mount: Mount, rest: str) -> bool | None:
        """A user who is written is created, or updated."""
        parts = rest.split("/")
        if len(parts) != 2 or parts[0] != "users":
            return None
        return service.directory.get(mount.accessor, canonical_name(parts[1]), UserpassUser) is not None

    def is_open(self, mount: Mount, rest: str) -> bool:
        """Logins are."""
        return rest.startswith("login/")

    def unmounted(self, service: Service, mount: Mount) -> None:
        """Remove the users, their passwords and their tokens."""
        for name in service.directory.names(mount.accessor):
            _forget(service, mount, name)


def _login(call: VaultCall, mount: Mount, name: str) -> Answer:
    service, password = call.service, fields.text(call.body, "password", longest=LONGEST)
    key, lockout, path = f"{mount.accessor}.{name}", Lockout(service.records), f"auth/{mount.path}/login"
    guessed = f"USERPASS {key}"  # which nobody types elsewhere: names have neither capitals nor space there
    lockout.attempt(guessed, call.caller.address)
    passwords = Passwords(service.directory, kind=PASSWORD)
    proof = passwords.proved(key, password, service.now())
    user = service.directory.get(mount.accessor, name, UserpassUser)
    if proof is None or user is None or user.disabled:
        who = f"{mount.accessor}:{name}: wrong password" if user else "no user has this name"
        service.record(call.caller, "login", "Unauthenticated", path, message=who)
        raise _recorded(invalid("invalid username or password"))
    lockout.succeeded(guessed, call.caller.address)
    try:
        issued = service.tokens.issue(
            _grant(mount, name, user, f"{path}/{name}", proof.makers), still=lambda: passwords.is_still(key, proof)
        )
    except Unauthenticated as refusal:
        service.record(call.caller, "login", "Unauthenticated", path, message=refusal.why)
        raise _recorded(invalid("invalid username or password")) from None
    service.record(call.caller, "login", name=path, message=f"{issued.record.identity}#{issued.accessor}")
    return answered(call, None, auth=auth_of(service, issued.accessor, issued.record, issued.token.text))


def _grant(mount: Mount, name: str, user: UserpassUser, path: str, makers: tuple[str, ...]) -> Grant:
    longest = [one for one in (user.max_ttl, user.explicit_max_ttl) if one]
    return Grant(
        policies=user.policies if user.no_default_policy else (DEFAULT, *user.policies),
        identity=f"{mount.accessor}:{name}",
        origin=f"{mount.accessor}.{name}",
        facts=_facts(name),
        metadata={"username": name},
        name=f"{mount.path}-{name}",
        path=path,
        ttl=user.ttl or None,
        max_ttl=user.explicit_max_ttl or None if user.period else min(longest, default=None),
        period=user.period or None,
        uses=user.uses or None,
        bounds=user.bounds,
        makers=makers,
    )


def _write(call: VaultCall, mount: Mount, name: str) -> Answer:
    body, service = call.body, call.service
    if not is_name(name) or len(name) > 64:
        raise invalid("the name of a user has letters, digits, '-', '_', '.', with a letter or a digit at both ends")
    if unknown := sorted(set(body) - _FIELDS):
        raise invalid(f"users here have no {', '.join(unknown)[:200]}")
    if fields.text(body, "token_type", "default") not in ("", "default", "service", "default-service"):
        raise invalid("tokens are of type service")
    had = service.directory.get(mount.accessor, name, UserpassUser)
    password = _password(body, needed=had is None)
    _check_had(call, name, had)
    user = _changed(body, had or UserpassUser())
    service.policies.check_grant_beside(call.caller, user.policies, _facts(name))
    if password:
        _keep_password(call, mount, name, password)
    service.directory.put(mount.accessor, name, user)
    return done()


def _changed(body: Mapping[str, Any], had: UserpassUser) -> UserpassUser:
    """What a user becomes: what the body does not name stays."""
    policies = policy_names(_first(fields.texts(body, "token_policies"), fields.texts(body, "policies"), had.policies))
    if ROOT in policies:
        raise invalid("nobody logs in with the policy root")
    bounds = _first(fields.texts(body, "token_bound_cidrs"), fields.texts(body, "bound_cidrs"), had.bounds)
    return UserpassUser(
        policies=policies,
        ttl=_first(fields.duration(body, "token_ttl"), fields.duration(body, "ttl"), had.ttl),
        max_ttl=_first(fields.duration(body, "token_max_ttl"), fields.duration(body, "max_ttl"), had.max_ttl),
        explicit_max_ttl=_first(fields.duration(body, "token_explicit_max_ttl"), had.explicit_max_ttl),
        period=_first(fields.duration(body, "token_period"), had.period),
        uses=_first(fields.integer(body, "token_num_uses"), had.uses),
        bounds=bounds_of(bounds),
        no_default_policy=bool(fields.boolean(body, "token_no_default_policy", had.no_default_policy)),
        disabled=had.disabled,
    )


def _read(call: VaultCall, mount: Mount, name: str) -> Answer:
    user = call.service.directory.get(mount.accessor, name, UserpassUser)
    if user is None:
        raise absent()
    said = {
        "token_policies": list(user.policies),
        "token_ttl": int(user.ttl.total_seconds()),
        "token_max_ttl": int(user.max_ttl.total_seconds()),
        "token_explicit_max_ttl": int(user.explicit_max_ttl.total_seconds()),
        "token_period": int(user.period.total_seconds()),
        "token_num_uses": user.uses,
        "token_bound_cidrs": list(user.bounds),
        "token_no_default_policy": user.no_default_policy,
        "token_type": "default",
    }
    return answered(call, said)


def _remove(call: VaultCall, mount: Mount, name: str) -> Answer:
    _check_had(call, name, call.service.directory.get(mount.accessor, name, UserpassUser))
    _forget(call.service, mount, name)
    return done()


def _set_password(call: VaultCall, mount: Mount, name: str) -> Answer:
    _check_had(call, name, _known(call, mount, name))
    _keep_password(call, mount, name, _password(call.body, needed=True))
    return done()


def _set_policies(call: VaultCall, mount: Mount, name: str) -> Answer:
    user = _known(call, mount, name)
    _check_had(call, name, user)
    body = {key: call.body[key] for key in ("token_policies", "policies") if key in call.body}
    changed = _changed(body, user)
    call.service.policies.check_grant_beside(call.caller, changed.policies, _facts(name))
    call.service.directory.put(mount.accessor, name, changed)
    return done()


def _check_had(call: VaultCall, name: str, had: UserpassUser | None) -> None:
    """Whoever may not give what a user has may not change him either, or remove him and make him anew: with a password
    that he set meanwhile he would be him when somebody gives it back.

    :raises Forbidden: the user has more than the caller may give.
    """
    if had is not None:
        call.service.policies.check_grant_beside(call.caller, had.policies, _facts(name))


def _facts(name: str) -> dict[str, str]:
    """What policies may say of a user."""
    return {"name": name, "kind": "userpass"}


def _known(call: VaultCall, mount: Mount, name: str) -> UserpassUser:
    user = call.service.directory.get(mount.accessor, name, UserpassUser)
    if user is None:
        raise invalid("username does not exist")
    return user


def _password(body: Mapping[str, Any], *, needed: bool) -> str:
    password = fields.text(body, "password", None if needed else "", longest=LONGEST)
    if (needed or password) and len(password) < SHORTEST:
        raise invalid(f"a password has {SHORTEST} to {LONGEST} characters")
    return password


def _keep_password(call: VaultCall, mount: Mount, name: str, password: str) -> None:
    makers = call.service.tokens.makers_of(call.caller)
    record = PasswordRecord(phc=hashed(password), changed=call.service.now(), makers=makers)
    call.service.directory.put(PASSWORD, f"{mount.accessor}.{name}", record)


def _forget(service: Service, mount: Mount, name: str) -> None:
    service.directory.remove(mount.accessor, name)
    service.directory.remove(PASSWORD, f"{mount.accessor}.{name}")
    service.tokens.revoke_identity(f"{mount.accessor}:{name}")


def _recorded(refusal: InvalidRequest) -> InvalidRequest:
    """A refusal that is in the audit already."""
    refusal.is_recorded = True
    return refusal


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


PATHS: Mapping[str, Mapping[frozenset[Operation], Handler]] = MappingProxyType(
    {
        "": {frozenset({Operation.READ}): _read, WRITES: _write, frozenset({Operation.DELETE}): _remove},
        "password": {WRITES: _set_password},
        "policies": {WRITES: _set_policies},
    }
)
