"""How machines log in: with a role id, which says as what, and a secret id, which expires and is used up.

Roles are records of the directory. Secret ids are records that belong to the serial of a role, so that none of a role
that was removed is good for a later one of the same name.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from strongroom_service.errors import Conflict, InvalidRequest, Unauthenticated, UnknownThing
from strongroom_service.identity.address_bounds import admits, bounds_of, common, narrows
from strongroom_service.identity.app_role import AppRole, RoleIdIndex, SecretIdIndex, SecretIdRecord, StoredRole
from strongroom_service.identity.caller import ROOT
from strongroom_service.identity.grant import Grant, Issued, policy_names
from strongroom_service.identity.token_record import ANYBODY, DEFAULT, Rights
from strongroom_service.identity.tokens import Tokens
from strongroom_service.policies.policies import KIND_OF_VAULT
from strongroom_service.state.directory import Directory, Found
from strongroom_service.state.records import Records, RecordSession

SECRET_ID, SECRET_ID_INDEX = "secret-id", "secret-id-index"
_TEXT_MAX = 512

N = TypeVar("N", int, timedelta)


class _Any(BaseModel):
    """A record of which no more is asked than whether it is there."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class SecretId:
    """A secret id that was made: the one moment at which its text is there."""

    accessor: str
    record: SecretIdRecord
    text: str = field(repr=False)


class AppRoles:
    """The roles of one kind, and logins with them. Safe to use from several threads and processes.

    :param kind: what the directory calls them, without a dot; each place to log in at has its own.
    """

    def __init__(self, directory: Directory, records: Records, tokens: Tokens, *, kind: str = "approle") -> None:
        self._directory = directory
        self._records = records
        self._tokens = tokens
        self._kind = kind

    def names(self) -> list[str]:
        """The names of the roles, sorted."""
        return self._directory.names(self._kind)

    def found(self, name: str) -> Found[StoredRole]:
        """A role, and the number of its version.

        :raises UnknownThing: there is none.
        """
        found = self._directory.found(self._kind, name, StoredRole)
        if found is None:
            raise UnknownThing("There is no such role.", "'strongroom identity approle ls' lists those that there are.")
        return found

    def put(self, name: str, role: AppRole, *, expect: int | None = None) -> int:
        """Make a role, or change one, which keeps its role id; the number of its version.

        :raises InvalidRequest: the name is none, or a bound or a policy of the role.
        :raises StaleExpectation: another version is there, or somebody changes the role at the same time.
        """
        there = self._directory.found(self._kind, name, StoredRole)
        role_id = there.value.role_id if there else str(uuid4())
        serial = there.value.serial if there else uuid4().hex
        if expect is None:
            expect = there.version if there else 0
        policies = policy_names(role.token_policies)
        if ROOT in policies:
            raise InvalidRequest("Nobody logs in with the policy root.", "Take it from the role's policies.")
        checked = {
            "token_policies": policies,
            "token_bounds": bounds_of(role.token_bounds),
            "secret_id_bounds": bounds_of(role.secret_id_bounds),
        }
        stored = StoredRole(**{**role.model_dump(), **checked, "role_id": role_id, "serial": serial})
        version = self._directory.put(self._kind, name, stored, expect=expect)
        if there is None:
            self._directory.put(self._index, _hashed(role_id), RoleIdIndex(role=name))
        return version

    def set_role_id(self, name: str, role_id: str) -> None:
        """Give a role another role id.

        :raises Conflict: another role has it.
        :raises InvalidRequest: it is empty or too long.
        """
        if not 0 < len(role_id) <= _TEXT_MAX:
            raise InvalidRequest("That is no role id.", f"It has 1 to {_TEXT_MAX} characters.")
        there = self.found(name)
        holder = self._directory.get(self._index, _hashed(role_id), RoleIdIndex)
        if holder is not None and holder.role != name:
            raise Conflict("Another role has this role id.", "Choose another one.")
        self._directory.put(self._index, _hashed(role_id), RoleIdIndex(role=name))
        changed = there.value.model_copy(update={"role_id": role_id})
        self._directory.put(self._kind, name, changed, expect=there.version)
        if there.value.role_id != role_id:
            self._directory.remove(self._index, _hashed(there.value.role_id))

    def remove(self, name: str) -> bool:
        """Remove a role, its secret ids and the tokens that it gave; whether there was one."""
        there = self._directory.get(self._kind, name, StoredRole)
        if there is None:
            return False
        self._directory.remove(self._kind, name)
        self._directory.remove(self._index, _hashed(there.role_id))
        with self._records.changing() as session:
            for accessor, _ in session.children(SECRET_ID, there.serial, SecretIdRecord):
                _forget(session, accessor)
        self._tokens.revoke_origin(f"{self._kind}.{name}")
        return True

    def identity(self, name: str) -> str:
        """What a machine is called that logged in with a role."""
        return f"approle:{name}" if self._kind == "approle" else f"{self._kind}:{name}"

    def make_secret_id(
        self,
        name: str,
        *,
        text: str | None = None,
        metadata: Mapping[str, str] | None = None,
        bounds: Sequence[str] = (),
        token_bounds: Sequence[str] = (),
        uses: int | None = None,
        ttl: timedelta | None = None,
        makers: tuple[str, ...] = (),
        given: tuple[str, ...] | None = None,
    ) -> SecretId:
        """A new secret id of a role, whose limits may be narrower than the role's, and no wider.

        :param text: a secret that somebody chose; by default 32 random bytes.
        :param makers: who could keep it for themselves.
        :param given: the policies that its maker could give, where that is not any: what the role has besides, or
            gets later, it does not give.
        :raises UnknownThing: no such role.
        :raises Conflict: the role has one of this text.
        :raises InvalidRequest: the role takes none, or the limits are wider.
        """
        role = self.found(name).value
        if not role.bind_secret_id:
            raise InvalidRequest("The role takes no secret ids.", "Machines log in with its role id alone.")
        if text is not None and not 0 < len(text) <= _TEXT_MAX:
            raise InvalidRequest("That is no secret id.", f"It has 1 to {_TEXT_MAX} characters.")
        text = text if text is not None else f"srs_{secrets.token_urlsafe(32)}"
        ttl = _narrower(ttl, role.secret_id_ttl, "time")
        with self._records.changing() as session:
            if self._accessor(session, role, text) is not None:
                raise Conflict("The role has such a secret id already.", "Choose another one, or have one made.")
            now, name_of_it = session.now(), self._records.name(_named(role, text))
            record = SecretIdRecord(
                digest=name_of_it,
                role=name,
                metadata=dict(metadata or {}),
                bounds=_within(bounds, role.secret_id_bounds),
                token_bounds=_within(token_bounds, role.token_bounds),
                created=now,
                updated=now,
                expires=now + ttl if ttl else None,
                ttl=ttl or timedelta(),
                uses=_narrower(uses, role.secret_id_uses, "number of uses") or None,
                makers=makers,
                given=given,
            )
            accessor = uuid4().hex
            session.put(SECRET_ID, accessor, record, parent=role.serial, expires=record.expires)
            session.put(SECRET_ID_INDEX, name_of_it, SecretIdIndex(accessor=accessor), parent=accessor)
        return SecretId(accessor, record, text)

    def secret_ids(self, name: str) -> list[tuple[str, SecretIdRecord]]:
        """The secret ids of a role that are good now, by accessor.

        :raises UnknownThing: no such role.
        """
        role = self.found(name).value
        with self._records.reading() as session:
            now = session.now()
            found = session.children(SECRET_ID, role.serial, SecretIdRecord)
        return [(accessor, record) for accessor, record in found if _is_live(record, now)]

    def secret_id(self, name: str, accessor: str) -> SecretIdRecord:
        """A secret id of a role.

        :raises UnknownThing: no such role, or none of its secret ids.
        """
        found = dict(self.secret_ids(name)).get(accessor)
        if found is None:
            raise _no_secret_id()
        return found

    def accessor_of(self, name: str, text: str) -> str:
        """The accessor of the secret id with this text.

        :raises UnknownThing: no such role, or none of its secret ids.
        """
        role = self.found(name).value
        with self._records.reading() as session:
            accessor = self._accessor(session, role, text)
        if accessor is None:
            raise _no_secret_id()
        self.secret_id(name, accessor)
        return accessor

    def remove_secret_id(self, name: str, accessor: str) -> None:
        """End a secret id; tokens that it gave stay.

        :raises UnknownThing: no such role, or none of its secret ids.
        """
        self.secret_id(name, accessor)
        with self._records.changing() as session:
            _forget(session, accessor)

    def login(self, role_id: str, secret_id: str, address: str, *, path: str = "login/approle") -> Issued:
        """A token for a machine that has both.

        :raises Unauthenticated: always the same outside; ``why`` says for the audit what was wrong.
        """
        index = self._directory.get(self._index, _hashed(role_id), RoleIdIndex)
        role = self._directory.get(self._kind, index.role, StoredRole) if index else None
        if index is None or role is None or not hmac.compare_digest(role.role_id.encode(), role_id.encode()):
            raise _refused("unknown role id")
        identity = self.identity(index.role)
        if role.disabled:
            raise _refused(f"{identity} is disabled")
        if not admits(role.secret_id_bounds, address):
            raise _refused(f"{identity}: not from this address")
        used = self._use(role, identity, secret_id, address) if role.bind_secret_id else None
        return self._tokens.issue(
            self._grant(index.role, role, used, path), still=lambda: self._is_still(index.role, role)
        )

    def tidy(self, *, limit: int = 1000) -> int:
        """Remove the records of secret ids whose time is over; how many."""
        with self._records.changing() as session:
            expired = session.expired(SECRET_ID, SecretIdRecord, limit=limit)
            for accessor, _ in expired:
                _forget(session, accessor)
            return len(expired)

    def _is_still(self, name: str, role: StoredRole) -> bool:
        """Whether a role is the same one, and not a later one of its name."""
        there = self._directory.get(self._kind, name, StoredRole)
        return there is not None and there.serial == role.serial

    @property
    def _index(self) -> str:
        return f"{self._kind}-role-id"

    def _use(self, role: StoredRole, identity: str, text: str, address: str) -> SecretIdRecord:
        """The secret id that was sent, one of whose uses is taken."""
        with self._records.changing() as session:
            accessor = self._accessor(session, role, text)
            record = session.get(SECRET_ID, accessor, SecretIdRecord) if accessor else None
            if accessor is None or record is None:
                raise _refused(f"{identity}: unknown secret id")
            if not _is_live(record, session.now()):
                raise _refused(f"{identity}: secret id {accessor} expired")
            if not admits(record.bounds, address):
                raise _refused(f"{identity}: secret id {accessor} is not for this address")
            if record.uses is not None:
                self._count(session, role, accessor, record, record.uses - 1)
            return record

    def _count(
        self, session: RecordSession, role: StoredRole, accessor: str, record: SecretIdRecord, left: int
    ) -> None:
        if left <= 0:
            _forget(session, accessor)
            return
        used = record.model_copy(update={"uses": left, "updated": session.now()})
        session.put(SECRET_ID, accessor, used, parent=role.serial, expires=record.expires)

    def _grant(self, name: str, role: StoredRole, used: SecretIdRecord | None, path: str) -> Grant:
        default = () if role.token_no_default_policy else (DEFAULT,)
        longest = [one for one in (role.token_max_ttl, role.token_explicit_max_ttl) if one]
        given = used.given if used else None
        policies = role.token_policies if given is None else tuple(self._of_those(given, role.token_policies))
        return Grant(
            policies=(*default, *policies),
            rights=None if given is None else Rights.NARROWED,
            identity=self.identity(name),
            origin=f"{self._kind}.{name}",
            facts=role.facts(name),
            metadata={"role_name": name, **(used.metadata if used else {})},
            name=name,
            path=path,
            ttl=role.token_ttl or None,
            max_ttl=role.token_explicit_max_ttl or None if role.token_period else min(longest, default=None),
            period=role.token_period or None,
            uses=role.token_uses or None,
            bounds=self._bounds(role, used),
            makers=used.makers if used else (ANYBODY,),
        )

    def _bounds(self, role: StoredRole, used: SecretIdRecord | None) -> tuple[str, ...]:
        """Where tokens can be used from: the role may allow less by now than when the secret id was made."""
        bounds = common(used.token_bounds if used else (), role.token_bounds)
        if bounds is None:
            raise _refused("the secret id is for networks that the role allows no more")
        return bounds

    def _of_those(self, given: Sequence[str], policies: Sequence[str]) -> Iterator[str]:
        """Policies in Vault's language go with the role: they are given by whom that language allows it."""
        for name in policies:
            if name in given or self._directory.get(KIND_OF_VAULT, name, _Any) is not None:
                yield name

    def _accessor(self, session: RecordSession, role: StoredRole, text: str) -> str | None:
        for name in self._names_of(_named(role, text)):
            index = session.get(SECRET_ID_INDEX, name, SecretIdIndex)
            if index is not None:
                return index.accessor
        return None

    def _names_of(self, data: bytes) -> Iterator[str]:
        yield self._records.name(data)
        yield from self._records.former_names(data)


def _forget(session: RecordSession, accessor: str) -> None:
    session.remove(SECRET_ID, accessor)
    for name, _ in session.children(SECRET_ID_INDEX, accessor, SecretIdIndex):
        session.remove(SECRET_ID_INDEX, name)


def _is_live(record: SecretIdRecord, now: datetime) -> bool:
    return record.expires is None or now < record.expires


def _named(role: StoredRole, text: str) -> bytes:
    return b"secret id " + role.serial.encode() + b" " + text.encode("utf-8", "surrogatepass")


def _hashed(role_id: str) -> str:
    """Role ids are names of records, of which some have characters that none may have."""
    return sha256(role_id.encode("utf-8", "surrogatepass")).hexdigest()


def _narrower(asked: N | None, allowed: N, what: str) -> N:
    """What a secret id gets of what its role allows; where that is zero, all there is."""
    if not asked:
        return allowed
    if allowed and asked > allowed:
        raise InvalidRequest(f"The {what} is more than the role allows.", "Ask for less, or change the role.")
    return asked


def _within(asked: Sequence[str], allowed: tuple[str, ...]) -> tuple[str, ...]:
    bounds = bounds_of(asked)
    if bounds and not narrows(bounds, allowed):
        raise InvalidRequest("The networks are more than the role allows.", "Ask for fewer, or change the role.")
    return bounds


def _no_secret_id() -> UnknownThing:
    return UnknownThing("The role has no such secret id.", "It may have expired, or be used up.")


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(
        "The role id or the secret id is not valid, or not here and now.",
        "Ask who administers the service for a new secret id.",
        why=why,
    )
