"""The service: one object that everything it does hangs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cached_property
from threading import local
from typing import Self

from strongroom_registry import Registry
from strongroom_registry.acting import Owed, acting, actor_now
from strongroom_registry.audit import DONE
from strongroom_registry.errors import UnknownWorkspace
from strongroom_registry.settings import RegistrySettings

from strongroom_service.allowance import Allowance
from strongroom_service.approvals.approvals import Approvals
from strongroom_service.approvals.protections import Protections
from strongroom_service.errors import Forbidden
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.logins import Logins
from strongroom_service.identity.standings import Standings
from strongroom_service.identity.token import without_tokens
from strongroom_service.identity.tokens import Tokens
from strongroom_service.leases.leases import Leases
from strongroom_service.listings import Listings
from strongroom_service.policies.decision import Decision
from strongroom_service.policies.policies import Policies
from strongroom_service.policies.resource import Resource
from strongroom_service.policies.verbs import Verb
from strongroom_service.seal.seal import ProviderSeal, Seal
from strongroom_service.settings import ServerSettings
from strongroom_service.state.directory import Directory
from strongroom_service.state.records import Records, open_records_ledger
from strongroom_service.workspaces import Workspaces
from strongroom_service.wrapping import Wraps


class _Revisions(local):
    """The revisions of workspaces that this thread has seen in its moment; None where it has none."""

    known: dict[str, bytes] | None = None


class Service:
    """A registry that is served, and what the service knows of those who use it. Safe to use from several threads; any
    number of processes can serve one registry.

    :param settings: of the server.
    :param workspaces: the registry that is served.
    :param records: what changes often.
    """

    def __init__(self, settings: ServerSettings, workspaces: Workspaces, records: Records) -> None:
        self.settings = settings
        self.workspaces = workspaces
        self.records = records
        self.directory = Directory(workspaces.own)
        self.seal: Seal = ProviderSeal()
        self._revisions = _Revisions()

    @classmethod
    def open(
        cls,
        settings: ServerSettings | None = None,
        registry: RegistrySettings | None = None,
        *,
        create: bool = True,
        clock: Callable[[], datetime] | None = None,
    ) -> Self:
        """Open the registry of the settings, and make it first where there is none.

        :param clock: another clock than the database's, for tests.
        :raises KeyProblem, StoreProblem: as :func:`~strongroom_registry.open_registry`.
        """
        settings = settings or ServerSettings()
        workspaces = Workspaces(registry or RegistrySettings(), create=create)
        try:
            ledger = open_records_ledger(settings.records_url(workspaces.url))
            records = Records(ledger, workspaces.own.sealer("service"), clock=clock)
            return cls(settings, workspaces, records)
        except BaseException:
            workspaces.close()
            raise

    @cached_property
    def tokens(self) -> Tokens:
        """The tokens that people and machines have."""
        ttl, longest = self.settings.token_ttl_seconds, self.settings.token_max_ttl_seconds
        standings = Standings(self.directory, self.policies.denies)
        tokens = Tokens(
            self.records, ttl=timedelta(seconds=ttl), max_ttl=timedelta(seconds=longest), standing=standings.of
        )
        tokens.on_end.append(lambda session, accessor: self.leases.token_ended(session, accessor))
        tokens.on_end.append(lambda session, accessor: self.approvals.token_ended(session, accessor))
        return tokens

    @cached_property
    def logins(self) -> Logins:
        """What people and machines log in with."""
        return Logins(self.directory, self.records, self.tokens)

    @cached_property
    def allowance(self) -> Allowance:
        """How much somebody may have kept."""
        return Allowance(self.settings)

    @cached_property
    def wraps(self) -> Wraps:
        """Values that open once."""
        return Wraps(self)

    @cached_property
    def leases(self) -> Leases:
        """Credentials that are made on demand, and taken back."""
        return Leases(self)

    @cached_property
    def policies(self) -> Policies:
        """Who may do what."""
        return Policies(self.directory)

    @cached_property
    def protections(self) -> Protections:
        """Which changes need a second person."""
        return Protections(self.directory)

    @cached_property
    def approvals(self) -> Approvals:
        """The changes that wait for a second person."""
        return Approvals(self.records, self.protections, self.policies)

    @cached_property
    def listings(self) -> Listings:
        """What workspaces hold, as it was last verified."""
        return Listings()

    def registry(self, workspace: str) -> Registry:
        """A workspace of the registry; ask :meth:`require` first. Raises UnknownWorkspace."""
        return self.workspaces.registry(workspace)

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Have what is read in the block of who may do what be as it is when that begins, at the cost of one look for
        all of it; until something is written in it. Every request that is worked on in it was sent before."""
        self.directory.begin_moment()
        self._revisions.known = {}
        try:
            with suppress(Exception):  # then each look says so
                self.records.begin_moment()
            yield
        finally:
            self.records.end_moment()
            self.directory.end_moment()
            self._revisions.known = None

    def revision(self, workspace: str) -> bytes:
        """What is another one after each change of a document of a workspace; looked at once in a moment."""
        known = self._revisions.known
        if known is None:
            return self.registry(workspace).revision()
        if workspace not in known:
            known[workspace] = self.registry(workspace).revision()
        return known[workspace]

    def now(self) -> datetime:
        """What time it is, in UTC."""
        return self.records.now()

    def decide(self, caller: Caller, verb: Verb, resource: Resource) -> Decision:
        """Whether the policies of a caller allow something. Nothing is written down."""
        return self.policies.decide(caller, verb, resource)

    def require(self, caller: Caller, verb: Verb, resource: Resource) -> None:
        """Let pass what the policies of a caller allow, and no protection has wait for a second person.

        :raises Forbidden: they do not; it is in the audit.
        :raises ApprovalNeeded: the change is kept until it is approved.
        """
        decision = self.decide(caller, verb, resource)
        if decision.allowed:
            self.protections.check(verb, resource)
            return
        self.record(caller, str(verb), "Forbidden", str(resource), workspace=resource.workspace, message=decision.why)
        refusal = Forbidden(
            f"{caller.identity} may not {verb} {resource}.",
            "Ask who administers the service for a policy that allows it; `strongroom policy explain` says why.",
        )
        refusal.is_recorded = True
        raise refusal

    def record(
        self,
        caller: Caller,
        action: str,
        outcome: str = DONE,
        name: str = "",
        *,
        workspace: str | None = None,
        version: int | None = None,
        message: str = "",
        owing: list[Owed] | None = None,
    ) -> None:
        """Write an entry of the audit.

        It stands there when this returns, or where entries are owed around it, when these are settled.

        :param owing: where entries gather; by default where those of the context do.
        :param workspace: in whose audit; in that of the service where it is none or there is no such workspace.
        :raises StoreUnavailable: it cannot be written.
        """
        registry = self.workspaces.own
        if workspace is not None:
            try:
                registry = self.workspaces.registry(workspace)
            except UnknownWorkspace:
                name = f"{workspace}/{name}"
        around = actor_now()
        if owing is None and around is not None:
            owing = around.owing
        name, message = without_tokens(name), without_tokens(message)
        with acting(caller.actor, note_of(caller), owing=owing):
            registry.record(action, name, outcome=outcome, version=version, message=message)

    def close(self) -> None:
        """Let go of databases and files."""
        self.records.close()
        self.workspaces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def note_of(caller: Caller) -> str:
    """What the audit says of a request besides who sent it."""
    if caller.request_id and caller.address:
        return f"request {caller.request_id} from {caller.address}"
    return f"request {caller.request_id}" if caller.request_id else f"from {caller.address}" if caller.address else ""
