"""Row 11: whatever is asked of a registry, in whatever order, it does what a plain dictionary with the same rules
does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from faults.figure import Figure, Work
from faults.killed_servers import client_of, served_over
from faults.places import key_file, opened
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from servers.service import Served
from strongroom_registry import Document, Registry, new_workspace, open_registry
from strongroom_registry.errors import (
    DocumentDeleted,
    DocumentInUse,
    NameTaken,
    StaleExpectation,
    StrongroomError,
    TypeMismatch,
    UnknownDocument,
    UnknownLabel,
    UnknownVersion,
    VersionDestroyed,
)

STEPS = 10_000
STEPS_SERVED = 2_000
STEPS_OF_ONE = 50


class Saved(NamedTuple):
    """A version as the model keeps it."""

    type: str
    public: bytes
    references: tuple[str, ...]
    expires_at: datetime | None


@dataclass
class Kept:
    """A document as the model keeps it: payloads by number, None once destroyed, and what else a version has."""

    payloads: list[bytes | None] = field(default_factory=list)
    versions: list[Saved] = field(default_factory=list)
    current: int = 0
    first: int = 1
    generation: int = 1
    state: str = "live"
    labels: dict[str, int] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return len(self.payloads)

    @property
    def now(self) -> Saved:
        """The current version."""
        return self.versions[self.current - 1]

    def loaded(self) -> list[int]:
        """The versions that a reference without a number can mean, the former one excepted."""
        if self.state != "live":
            return []
        labelled = {number for label, number in self.labels.items() if label != "previous"}
        return [n for n in sorted(labelled | {self.current}) if n >= self.first and self.payloads[n - 1] is not None]


NAMES = st.sampled_from(["a", "b", "c"])
LABELS = st.sampled_from(["stable", "next"])
NUMBERS = st.integers(1, 6)
TYPES = st.sampled_from(["lake", "sea"])
PUBLICS = st.sampled_from([b"", b'{"host": "one"}', b'{"host": "two"}'])
EXPIRIES = st.none() | st.datetimes(datetime(2030, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


class RegistryMachine(RuleBasedStateMachine):
    """The registry lies in memory and ends with the machine; :class:`StoredMachine` has one that can be opened
    again."""

    steps: ClassVar[int] = 0
    """How many rules were run, in all machines of a class."""

    @initialize()
    def start(self) -> None:
        self.model: dict[str, Kept] = {}
        self.registry = self.open()

    def open(self) -> Registry:
        return open_registry("memory:", actor="alice")

    def teardown(self) -> None:
        if hasattr(self, "registry"):
            self.verify()
            self.registry.close()

    @rule()
    def verify(self) -> None:
        assert self.registry.verify().problems == ()
        assert self.registry.verify_audit().problem is None

    def agree(self, expected: type[StrongroomError] | None, call: Any, *arguments: Any, **options: Any) -> Any:
        """The registry refuses what the model refuses, for the same reason, and nothing else."""
        if expected is None:
            return call(*arguments, **options)
        with pytest.raises(expected) as refused:
            call(*arguments, **options)
        assert type(refused.value) is expected
        return None

    def not_live(self, name: str) -> type[StrongroomError] | None:
        kept = self.model.get(name)
        if kept is None:
            return UnknownDocument
        return {"live": None, "deleted": DocumentDeleted, "destroyed": VersionDestroyed}[kept.state]

    def not_loadable(self, name: str, number: int) -> type[StrongroomError] | None:
        kept = self.model[name]
        if number > kept.last:
            return UnknownVersion
        if kept.payloads[number - 1] is None:
            return VersionDestroyed
        return DocumentDeleted if number < kept.first else None

    @rule(
        name=NAMES,
        payload=st.binary(max_size=100),
        saved=st.builds(
            Saved, TYPES, PUBLICS, st.lists(NAMES, max_size=2, unique=True).map(sorted).map(tuple), EXPIRIES
        ),
        overwrite=st.booleans(),
        expect=st.none() | st.integers(0, 6),
        retype=st.booleans(),
        labels=st.lists(LABELS, max_size=2),
        pending=st.sampled_from([False, False, True]),
    )
    def put(
        self,
        name: str,
        payload: bytes,
        saved: Saved,
        overwrite: bool,
        expect: int | None,
        retype: bool,
        labels: list[str],
        pending: bool,
    ) -> None:
        kept = self.model.get(name)
        live = kept if kept is not None and kept.state == "live" else None
        expected = self.not_live(name) if pending else None
        expected = expected or self.refused_put(live, saved.type, overwrite or pending, expect, retype)
        options = {"overwrite": overwrite, "expect": expect, "retype": retype, "labels": labels, "pending": pending}
        options |= {"schema": "s", "payload": payload, **saved._asdict()}
        version = self.agree(expected, self.registry.put, name, **options)
        if expected is None:
            self.keep(name, live, payload, saved, labels, pending)
            assert version.number == self.model[name].last

    def refused_put(
        self, live: Kept | None, type_: str, overwrite: bool, expect: int | None, retype: bool
    ) -> type[StrongroomError] | None:
        if expect is not None and expect != (live.current if live else 0):
            return StaleExpectation
        if live is None:
            return None
        if expect is None and not overwrite:
            return NameTaken
        return TypeMismatch if live.now.type != type_ and not retype else None

    def keep(
        self, name: str, live: Kept | None, payload: bytes, saved: Saved, labels: list[str], pending: bool
    ) -> None:
        kept = self.model.setdefault(name, Kept())
        number = kept.last + 1
        if pending:
            kept.labels["pending"] = number
        elif live is not None:
            kept.labels["previous"] = kept.current
        elif kept.last:
            kept.generation += 1
            kept.first, kept.state, kept.labels = number, "live", {}
        kept.current = kept.current if pending else number
        kept.payloads.append(payload)
        kept.versions.append(saved)
        kept.labels |= dict.fromkeys(labels, number)

    @rule(name=NAMES, number=NUMBERS, expect=st.none() | st.integers(0, 6))
    def promote(self, name: str, number: int, expect: int | None) -> None:
        expected = self.not_live(name)
        if expected is None and expect not in (None, self.model[name].current):
            expected = StaleExpectation
        expected = expected or self.not_loadable(name, number)
        self.agree(expected, self.registry.promote, name, number, expect=expect)
        kept = self.model.get(name)
        if kept is not None and expected is None and number != kept.current:
            if kept.labels.get("pending") == number:
                del kept.labels["pending"]
            kept.labels["previous"], kept.current = kept.current, number

    def is_kept(self, document: Document) -> None:
        kept, version = self.model[document.version.document], document.version
        assert document.payload == kept.payloads[version.number - 1]
        saved = Saved(version.type, version.public, version.references, version.expires_at)
        assert saved == kept.versions[version.number - 1]

    @rule(name=NAMES)
    def get(self, name: str) -> None:
        expected = self.not_live(name) or self.not_loadable(name, self.model[name].current)
        document = self.agree(expected, self.registry.get, name)
        if document is not None:
            assert document.version.number == self.model[name].current
            self.is_kept(document)

    @rule(name=NAMES, number=NUMBERS)
    def get_version(self, name: str, number: int) -> None:
        expected = self.not_live(name) or self.not_loadable(name, number)
        document = self.agree(expected, self.registry.get, f"{name}@{number}")
        if document is not None:
            assert document.version.number == number
            self.is_kept(document)

    @rule(name=NAMES, label=st.sampled_from(["stable", "next", "previous", "pending"]))
    def get_label(self, name: str, label: str) -> None:
        expected = self.not_live(name)
        number = self.model[name].labels.get(label) if expected is None else None
        if expected is None:
            expected = UnknownLabel if number is None else self.not_loadable(name, number)
        document = self.agree(expected, self.registry.get, f"{name}@{label}")
        if document is not None:
            assert document.version.number == number
            self.is_kept(document)

    @rule(name=NAMES, label=LABELS, number=st.none() | NUMBERS)
    def label(self, name: str, label: str, number: int | None) -> None:
        expected = self.not_live(name) or self.not_loadable(name, number or self.model[name].current)
        self.agree(expected, self.registry.label, name, label, number)
        if expected is None:
            self.model[name].labels[label] = number or self.model[name].current

    @rule(name=NAMES, label=LABELS)
    def unlabel(self, name: str, label: str) -> None:
        expected = self.not_live(name) or (None if label in self.model[name].labels else UnknownLabel)
        self.agree(expected, self.registry.unlabel, name, label)
        if expected is None:
            del self.model[name].labels[label]

    def users(self, name: str) -> list[tuple[str, int]]:
        """The versions, current or labelled, of live documents that refer to one."""
        return [
            (user, number)
            for user, kept in sorted(self.model.items())
            for number in kept.loaded()
            if name in kept.versions[number - 1].references
        ]

    def doomed(self, name: str) -> set[str]:
        found, waiting = {name}, [name]
        while waiting:
            users = {user for user, _ in self.users(waiting.pop())} - found
            found |= users
            waiting += users
        return found

    @rule(name=NAMES)
    def used_by(self, name: str) -> None:
        expected = None if name in self.model else UnknownDocument
        found = self.agree(expected, self.registry.used_by, name)
        if found is not None:
            assert sorted((reference.name, reference.version) for reference in found) == self.users(name)

    @rule(name=NAMES, cascade=st.booleans())
    def delete(self, name: str, cascade: bool) -> None:
        expected = self.not_live(name)
        doomed = self.doomed(name) if expected is None else set()
        if len(doomed) > 1 and not cascade:
            expected = DocumentInUse
        self.agree(expected, self.registry.delete, name, cascade=cascade)
        if expected is None:
            for each in doomed:
                self.model[each].state = "deleted"

    @rule(name=NAMES)
    def undelete(self, name: str) -> None:
        kept = self.model.get(name)
        expected = UnknownDocument if kept is None else VersionDestroyed if kept.state == "destroyed" else None
        self.agree(expected, self.registry.undelete, name)
        if kept is not None and expected is None:
            kept.state = "live"

    @rule(name=NAMES, number=st.none() | NUMBERS)
    def destroy(self, name: str, number: int | None) -> None:
        kept = self.model.get(name)
        expected: type[StrongroomError] | None = UnknownDocument if kept is None else None
        if kept is not None and number is not None and number > kept.last:
            expected = UnknownVersion
        self.agree(expected, self.registry.destroy, name, number)
        if kept is not None and expected is None:
            gone = range(kept.last) if number is None else [number - 1]
            for index in gone:
                kept.payloads[index] = None
                kept.versions[index] = kept.versions[index]._replace(public=b"")
            kept.state = "destroyed" if number is None else kept.state

    @rule(level=st.sampled_from(["workspace", "data"]))
    def rotate(self, level: str) -> None:
        report = self.registry.rotate(level)
        assert report.problems == ()
        assert report.versions == sum(kept.last for kept in self.model.values())
        assert self.registry.check_keys().ok

    @rule(text=st.sampled_from(["one", "two", "host", "three"]))
    def search(self, text: str) -> None:
        wanted = {
            name for name, kept in self.model.items() if kept.state == "live" and text.encode() in kept.now.public
        }
        assert {head.name for head in self.registry.search(text)} == wanted

    @invariant()
    def heads_agree(self) -> None:
        if not hasattr(self, "registry"):
            return
        type(self).steps += 1
        heads = {head.name: head for head in self.registry.list(deleted=True)}
        assert set(heads) == set(self.model)
        for name, kept in self.model.items():
            head = heads[name]
            assert (head.current, head.generation, str(head.state)) == (kept.current, kept.generation, kept.state)
            assert head.labels == kept.labels
            assert (head.type, head.references, head.expires_at) == (
                kept.now.type,
                kept.now.references,
                kept.now.expires_at,
            )
            assert self.registry.exists(name) == (kept.state == "live")

    @rule(name=NAMES)
    def history(self, name: str) -> None:
        if name not in self.model:
            return
        kept = self.model[name]
        history = self.registry.history(name)
        assert [version.number for version in history] == list(range(kept.last, 0, -1))
        destroyed = {version.number for version in history if version.state == "destroyed"}
        assert destroyed == {number for number, at in enumerate(kept.payloads, 1) if at is None}


class StoredMachine(RegistryMachine):
    """A workspace of its own in a store that all machines of a run share."""

    place: ClassVar[Any]
    folder: ClassVar[Path]
    numbers = count()

    @initialize()
    def start(self) -> None:
        self.workspace = f"machine-{next(self.numbers)}"
        self.key = self.place.key
        new_workspace(self.workspace, self.place.url, key=self.key)
        super().start()

    def open(self) -> Registry:
        return opened(self.place, workspace=self.workspace, key=self.key)

    @rule()
    def rotate_provider(self) -> None:
        key = key_file(self.folder)
        self.registry.rotate("provider", to=key)
        self.key = key

    @rule()
    def open_again(self) -> None:
        self.registry.close()
        self.registry = self.open()


class ServedMachine(RegistryMachine):
    """A workspace of its own behind a server that all machines of a run share."""

    place: ClassVar[Any]
    server: ClassVar[Served]
    numbers = count()

    def open(self) -> Registry:
        workspace = f"served-{next(self.numbers)}"
        new_workspace(workspace, self.place.url, key=self.place.key)
        return client_of(self.server, self.server.token, workspace)


def run(work: Work) -> Iterator[Figure]:
    if "SQLite" in work.places.names:
        yield steps(work, "memory", RegistryMachine)
    for store in work.places.names:
        with work.places.make(store, work.folder / store) as place:
            opened(place).close()
            yield steps(work, store, type("Machine", (StoredMachine,), {"place": place, "folder": work.folder}))
        with work.places.make(store, work.folder / f"{store}-served") as place, served_over(place) as server:
            machine = type("Machine", (ServedMachine,), {"place": place, "server": server})
            yield steps(work, f"{store}, behind a server", machine, STEPS_SERVED)


def steps(work: Work, store: str, machine: type[RegistryMachine], whole: int = STEPS) -> Figure:
    """So many steps of machines that are made one after the other."""
    figure = Figure(11, "steps of a state machine beside a plain model", store)
    machine = type("Machine", (machine,), {"steps": 0})
    wanted = work.count(whole, least=STEPS_OF_ONE if whole < STEPS else 100)
    for turn in range(wanted):
        examples = max(1, (wanted - machine.steps) // STEPS_OF_ONE)
        try:
            run_state_machine_as_test(
                seed(work.seed + turn)(machine),
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=STEPS_OF_ONE,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                    print_blob=False,
                ),
            )
        except Exception as exc:
            figure.add("diverges", f"{type(exc).__name__}: {exc} {getattr(exc, '__notes__', [])}")
            break
        if machine.steps >= wanted:
            break
    figure.tried += machine.steps
    figure.seen["agrees"] = machine.steps
    return figure
