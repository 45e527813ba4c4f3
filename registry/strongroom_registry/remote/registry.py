"""The registry that a server keeps."""

from __future__ import annotations

import builtins
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal, NoReturn, TypeVar
from uuid import UUID, uuid4
from weakref import WeakSet

from pydantic import BaseModel

from strongroom_registry.anchor import Anchor
from strongroom_registry.anchors import AnchorStore
from strongroom_registry.audit import DONE, AuditEntry, AuditReport
from strongroom_registry.document import Document, DocumentState, Head, Reference, Version, check_name
from strongroom_registry.errors import (
    AtTheServerOnly,
    IntegrityError,
    RegistryRefusal,
    ServerUnreachable,
    UnknownDocument,
)
from strongroom_registry.key_care import KeyReport, KeyWrap, RecoveryKit, WrapReport
from strongroom_registry.lifecycle import check_expiry, check_user_label
from strongroom_registry.limits import check_message, check_sizes
from strongroom_registry.registry import Registry
from strongroom_registry.remote import reports, wire
from strongroom_registry.remote.cache import DocumentCache
from strongroom_registry.remote.connection import DOCUMENT_MAX, Connection, Query, Reply, at
from strongroom_registry.remote.flights import Flights
from strongroom_registry.remote.problems import raised
from strongroom_registry.remote.rotating import rotated
from strongroom_registry.remote.sealing import RemoteSealing
from strongroom_registry.remote.snapshot import Snapshot
from strongroom_registry.remote.watching import Watch
from strongroom_registry.rotation import Level, Progress, RotationReport
from strongroom_registry.sealer import Sealer
from strongroom_registry.verification import VerifyReport

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

LONG_SECONDS = 3600.0
"""How long a server may take to go through everything."""
AWAY_SECONDS = 5.0
"""How long a server that was away is not asked for what a snapshot has."""
_ABOUT = ""

_log = logging.getLogger("strongroom")


class RemoteRegistry(Registry):
    """One workspace of a registry that a server keeps. Opened by :func:`~strongroom_registry.open_registry`.

    What every registry promises, and what the server's policies allow: else
    :class:`~strongroom_registry.errors.AccessDenied`. A load is asked of the server each time, which writes it into the
    audit and says whether what was loaded before is still the same; after :meth:`watch`, which has the server tell of
    changes, one that the audit has is good for a minute.

    :param snapshot: where documents that were loaded are kept for when the server is away.
    """

    def __init__(self, connection: Connection, workspace: str, *, snapshot: Snapshot | None = None) -> None:
        self._connection = connection
        self._workspace = workspace
        self._path = at("workspaces", workspace)
        self._snapshot = snapshot
        self._cache = DocumentCache()
        self._flights: Flights[Document] = Flights()
        self._watches: list[Watch] = []
        self._away: tuple[float, ServerUnreachable] | None = None
        self._sealers: dict[str, Sealer] = {}  # each has a session, which the server is asked for once
        self._about = self._asked_about()
        _registries.add(self)

    @property
    def store_id(self) -> UUID:
        return self._about.store_id

    @property
    def workspace(self) -> str:
        return self._workspace

    def put(
        self,
        name: str,
        *,
        type: str,
        schema: str,
        payload: bytes,
        public: bytes = b"",
        message: str = "",
        overwrite: bool = False,
        expect: int | None = None,
        retype: bool = False,
        labels: Iterable[str] = (),
        references: Iterable[str] = (),
        expires_at: datetime | None = None,
        pending: bool = False,
    ) -> Version:
        check_name(name)
        check_sizes(type, schema, payload, public, message)
        check_expiry(expires_at)
        draft = wire.Draft.model_construct(
            type=type,
            schema_=schema,
            payload=payload,
            public=public,
            message=message,
            overwrite=overwrite,
            expect=expect,
            retype=retype,
            labels=[check_user_label(label) for label in labels],
            references=sorted({str(Reference.parse(reference)) for reference in references}),
            expires_at=expires_at,
            pending=pending,
        )
        return self._change("PUT", at("documents", name), draft, name=name).read(wire.VersionTold).version()

    def get(self, reference: str | Reference) -> Document:
        parsed = Reference.parse(reference) if isinstance(reference, str) else reference
        check_name(parsed.name)
        asked = str(parsed)
        if any(watch.is_told for watch in self._watches):
            recorded = self._cache.recorded(asked)
            if recorded is not None:
                return recorded
        return self._flights.share(asked, lambda: self._loaded(parsed, asked))

    def head(self, name: str) -> Head:
        return self._told(wire.HeadTold, at("documents", check_name(name))).head()

    def exists(self, name: str) -> bool:
        try:
            return self.head(name).state is DocumentState.LIVE
        except UnknownDocument:
            return False

    def list(self, glob: str = "*", *, type: str | None = None, deleted: bool = False) -> builtins.list[Head]:
        return self._heads({"glob": glob, "type": type, "deleted": deleted})

    def names(self) -> builtins.list[str]:
        pages = self._pages(wire.Names, "/names", {"limit": wire.PAGE_MAX})
        return [name for page in pages for name in page.names]

    def history(self, name: str) -> builtins.list[Version]:
        path = at("documents", check_name(name), "versions")
        pages = self._pages(wire.Versions, path, {"limit": wire.PAGE_MAX})
        return [version.version() for page in pages for version in page.versions]

    def label(self, name: str, label: str, version: int | None = None) -> Head:
        path = at("documents", check_name(name), "labels", check_user_label(label))
        return self._headed("PUT", path, wire.LabelPlace.model_construct(version=version), name)

    def unlabel(self, name: str, label: str) -> Head:
        return self._headed("DELETE", at("documents", check_name(name), "labels", check_user_label(label)), None, name)

    def promote(self, name: str, version: int, *, expect: int | None = None, message: str = "") -> Head:
        check_message(message)
        body = wire.Promotion.model_construct(version=version, expect=expect, message=message)
        return self._headed("POST", at("documents", check_name(name), "promote"), body, name)

    def delete(self, name: str, *, message: str = "", cascade: bool = False) -> Head:
        check_message(message)
        query: Query = {"message": message or None, "cascade": cascade or None}
        return self._headed("DELETE", at("documents", check_name(name)), None, None if cascade else name, query)

    def used_by(self, name: str) -> builtins.list[Reference]:
        told = self._told(wire.Users, at("documents", check_name(name), "users"))
        return [Reference.parse(user) for user in told.users]

    def search(self, text: str) -> builtins.list[Head]:
        return self._heads({"search": text})

    def undelete(self, name: str) -> Head:
        return self._headed("POST", at("documents", check_name(name), "undelete"), None, name)

    def destroy(self, name: str, version: int | None = None) -> Head:
        body = wire.Destruction.model_construct(version=version)
        return self._headed("POST", at("documents", check_name(name), "destroy"), body, name)

    def verify(self) -> VerifyReport:
        return reports.verification(self._told(wire.VerificationTold, "/verification", seconds=LONG_SECONDS))

    def audit(self, *, limit: int | None = None, name: str | None = None) -> Iterator[AuditEntry]:
        page = wire.PAGE_MAX if limit is None else max(1, min(limit, wire.PAGE_MAX))
        pages = self._pages(wire.Entries, "/audit", {"limit": page, "name": name})
        return iter([*islice((entry.entry() for page in pages for entry in page.entries), limit)])

    def record(
        self,
        action: str,
        name: str,
        *,
        outcome: str = DONE,
        version: int | None = None,
        label: str = "",
        message: str = "",
    ) -> None:
        self._refuse("What is recorded beside changes and loads is recorded by the server.")

    def revision(self) -> bytes:
        return bytes.fromhex(self._told(wire.Whereabouts, "").revision)

    def verify_audit(self) -> AuditReport:
        return reports.audit(self._told(wire.AuditTold, "/audit/verification", seconds=LONG_SECONDS))

    def anchor(self) -> Anchor:
        return Anchor.parse(self._told(wire.AnchorTold, "/anchor").anchor)

    def check_anchor(self, anchor: Anchor) -> None:
        body = wire.AnchorLine.model_construct(anchor=anchor.line)
        checked = self._connection.ask("POST", f"{self._path}/anchor/check", body=body).read(wire.AnchorChecked)
        if checked.problem is not None:
            raise raised(checked.problem, IntegrityError)

    def write_anchor(self, places: AnchorStore, *, reset: bool = False) -> Anchor:
        """As any registry, with places that this client reaches. What is kept there is checked by the server."""
        kept = None if reset else places.read(self.store_id, self._about.id)
        if kept is not None:
            self.check_anchor(Anchor.parse(kept))
        anchor = self.anchor()

        def choose(line: str | None) -> str | None:
            further = line is not None and not reset and Anchor.parse(line).seq >= anchor.seq
            return None if further else anchor.line

        places.update(self.store_id, self._about.id, choose)
        return anchor

    def keys(self) -> builtins.list[KeyWrap]:
        return [reports.wrap(told) for told in self._told(wire.Wraps, "/keys").keys]

    def add_key(self, uri: str) -> WrapReport:
        self._refuse("Keys are added where the server runs.")

    def remove_key(self, which: str) -> WrapReport:
        self._refuse("Keys are removed where the server runs.")

    def recovery_kit(self) -> RecoveryKit:
        self._refuse("A recovery kit is made where the server runs.")

    def check_keys(self) -> KeyReport:
        return reports.keys(self._told(wire.KeysChecked, "/keys/check", seconds=LONG_SECONDS))

    def rotate(
        self,
        level: Level | str,
        *,
        to: str | None = None,
        older_than: timedelta | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> RotationReport:
        if Level(level) is Level.PROVIDER or to is not None:
            self._refuse("What wraps the workspace's key is changed where the server runs.")
        seconds = None if older_than is None else older_than.total_seconds()
        named: Literal["workspace", "data"] = "data" if Level(level) is Level.DATA else "workspace"
        order = wire.RotationOrder.model_construct(level=named, older_than_seconds=seconds)
        try:
            return rotated(self._connection, f"{self._path}/keys/rotation", order, progress)
        finally:
            self._sealers = {}  # new values come under the new key

    def sealer(self, purpose: str) -> Sealer:
        sealer = self._sealers.get(purpose)
        if sealer is None:
            about = self._about
            sealing = RemoteSealing(self._connection, self._workspace, about.store_id.bytes, about.id.bytes)
            sealer = self._sealers.setdefault(purpose, Sealer(sealing, purpose))
        return sealer

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        def told() -> None:
            self._cache.clear()
            changed()

        watch = Watch(self._connection, self._workspace, told)
        watch.start()
        self._cache.clear()
        self._watches = [*self._watches, watch]

        def stop() -> None:
            self._watches = [other for other in self._watches if other is not watch]
            watch.stop()

        return stop

    def close(self) -> None:
        _registries.discard(self)
        watches, self._watches = self._watches, []
        for watch in watches:
            watch.stop()
        self._cache.clear()
        self._sealers.clear()
        self._connection.close()

    def __repr__(self) -> str:
        return f"RemoteRegistry({str(self._connection.address)!r}, workspace={self.workspace!r})"

    def _asked_about(self) -> wire.Whereabouts:
        try:
            about = self._told(wire.Whereabouts, "")
        except ServerUnreachable as exc:
            return self._offline(_ABOUT, wire.Whereabouts, exc)
        if self._snapshot is not None:
            self._snapshot.keep(_ABOUT, about)
        return about

    def _loaded(self, reference: Reference, asked: str) -> Document:
        away = self._away
        if away is not None and time.monotonic() - away[0] < AWAY_SECONDS:
            with suppress(ServerUnreachable):  # else it is asked
                return self._offline(asked, wire.DocumentTold, away[1]).document()
        try:
            document = self._revealed(reference, asked)
        except ServerUnreachable as exc:
            self._away = (time.monotonic(), exc)
            return self._offline(asked, wire.DocumentTold, exc).document()
        self._away = None
        return document

    def _revealed(self, reference: Reference, asked: str) -> Document:
        kept, era = self._cache.get(asked), self._cache.era
        headers = {} if kept is None else {"If-None-Match": kept.etag}
        query: Query = {"version": reference.version, "label": reference.label, "type": reference.type}
        path = f"{self._path}{at('documents', reference.name, 'payload')}"
        try:
            reply = self._connection.ask("GET", path, query=query, headers=headers, limit=DOCUMENT_MAX)
        except RegistryRefusal:
            self._forget(asked)
            raise
        etag = reply.headers.get("etag", "")
        if reply.status == 304 and kept is not None:
            document = kept.document
        else:
            told = reply.read(wire.DocumentTold)
            document = told.document()
        if self._snapshot is not None:
            self._snapshot.keep(asked, wire.DocumentTold.of(document), etag)
        self._cache.keep(asked, etag, document, era)
        return document

    def _forget(self, asked: str) -> None:
        self._cache.drop(asked)
        if self._snapshot is not None:
            self._snapshot.drop(asked)

    def _offline(self, asked: str, model: type[M], exc: ServerUnreachable) -> M:
        """What the snapshot has, now that the server is away; raises that it is, where there is nothing."""
        kept = None if self._snapshot is None else self._snapshot.get(asked, model)
        if kept is None:
            raise exc from None
        value, age = kept
        what = f"{self._workspace}/{asked}" if asked else f"the workspace {self._workspace}"
        _log.warning("%s What is used of %s was loaded %.0f seconds ago.", exc.problem, what, age)
        return value

    def _told(self, model: type[M], path: str, *, query: Query | None = None, seconds: float | None = None) -> M:
        return self._connection.ask("GET", f"{self._path}{path}", query=query, seconds=seconds).read(model)

    def _heads(self, query: Query) -> builtins.list[Head]:
        pages = self._pages(wire.Heads, "/documents", {**query, "limit": wire.PAGE_MAX})
        return [told.head() for page in pages for told in page.documents]

    def _pages(self, model: type[M], path: str, query: Query) -> Iterator[M]:
        after: str | None = None
        while True:
            page = self._told(model, path, query={**query, "after": after})
            yield page
            after = getattr(page, "next", None)
            if not after:
                return

    def _headed(
        self, method: str, path: str, body: BaseModel | None, name: str | None, query: Query | None = None
    ) -> Head:
        return self._change(method, path, body, name=name, query=query).read(wire.HeadTold).head()

    def _change(
        self, method: str, path: str, body: BaseModel | None, *, name: str | None, query: Query | None = None
    ) -> Reply:
        """Change something, at most once however often the request is sent.

        :param name: the document that is changed; None where it may be several.
        :raises ApprovalPending: it is not done before somebody else has approved it.
        """
        once = {"Idempotency-Key": str(uuid4())}
        try:
            return self._connection.ask(method, f"{self._path}{path}", query=query, body=body, headers=once)
        finally:
            if name is None:
                self._cache.clear()
            else:
                self._cache.drop_name(name)

    def _refuse(self, problem: str) -> NoReturn:
        raise AtTheServerOnly(problem, "Do it there, with the server's settings: its STRONGROOM_REGISTRY and _KEY.")

    def _after_fork(self) -> None:
        self._connection.after_fork()
        self._cache = DocumentCache()
        self._flights = Flights()
        self._watches = []
        self._sealers = {}


_registries: WeakSet[RemoteRegistry] = WeakSet()


def _after_fork_in_child() -> None:
    for registry in list(_registries):
        registry._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
