"""Row 11: whatever is asked of a registry, in whatever order, it does what a plain dictionary with the same rules
does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar

import pytest
from faults.figure import Figure, Work
from faults.places import opened
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from strongroom_registry import Document, Registry, open_registry
from strongroom_registry.errors import (
    DocumentDeleted,
    NameTaken,
    StaleExpectation,
    StrongroomError,
    TypeMismatch,
    UnknownDocument,
    UnknownLabel,
    UnknownVersion,
    VersionDestroyed,
)
from strongroom_registry.workspaces import new_workspace

STEPS = 10_000
STEPS_OF_ONE = 50


@dataclass
class Kept:
    """A document as the model keeps it: payloads by number, None once destroyed, and types."""

    payloads: list[bytes | None] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    first: int = 1
    generation: int = 1
    state: str = "live"
    labels: dict[str, int] = field(default_factory=dict)

    @property
    def current(self) -> int:
        return len(self.payloads)


NAMES = st.sampled_from(["a", "b", "c"])
LABELS = st.sampled_from(["stable", "next"])
NUMBERS = st.integers(1, 6)
TYPES = st.sampled_from(["lake", "sea"])


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
        if number > kept.current:
            return UnknownVersion
        if kept.payloads[number - 1] is None:
            return VersionDestroyed
        return DocumentDeleted if number < kept.first else None

    @rule(
        name=NAMES,
        payload=st.binary(max_size=100),
        type_=TYPES,
        overwrite=st.booleans(),
        expect=st.none() | st.integers(0, 6),
        retype=st.booleans(),
        labels=st.lists(LABELS, max_size=2),
    )
    def put(
        self,
        name: str,
        payload: bytes,
        type_: str,
        overwrite: bool,
        expect: int | None,
        retype: bool,
        labels: list[str],
    ) -> None:
        kept = self.model.get(name)
        live = kept if kept is not None and kept.state == "live" else None
        expected = self.refused_put(live, type_, overwrite, expect, retype)
        options = {"overwrite": overwrite, "expect": expect, "retype": retype, "labels": labels}
        self.agree(expected, self.registry.put, name, type=type_, schema="s", payload=payload, **options)
        if expected is None:
            self.keep(name, live, payload, type_, labels)

    def refused_put(
        self, live: Kept | None, type_: str, overwrite: bool, expect: int | None, retype: bool
    ) -> type[StrongroomError] | None:
        if expect is not None and expect != (live.current if live else 0):
            return StaleExpectation
        if live is None:
            return None
        if expect is None and not overwrite:
            return NameTaken
        return TypeMismatch if live.types[-1] != type_ and not retype else None

    def keep(self, name: str, live: Kept | None, payload: bytes, type_: str, labels: list[str]) -> None:
        kept = self.model.setdefault(name, Kept())
        if live is not None:
            kept.labels["previous"] = kept.current
        elif kept.current:
            kept.generation += 1
            kept.first, kept.state, kept.labels = kept.current + 1, "live", {}
        kept.payloads.append(payload)
        kept.types.append(type_)
        kept.labels |= dict.fromkeys(labels, kept.current)

    def is_kept(self, document: Document) -> None:
        kept, number = self.model[document.version.document], document.version.number
        assert (document.payload, document.version.type) == (kept.payloads[number - 1], kept.types[number - 1])

    @rule(name=NAMES)
    def get(self, name: str) -> None:
        expected = self.not_live(name) or self.not_loadable(name, self.model[name].current)
        document = self.agree(expected, self.registry.get, name)
        if document is not None:
            self.is_kept(document)

    @rule(name=NAMES, number=NUMBERS)
    def get_version(self, name: str, number: int) -> None:
        expected = self.not_live(name) or self.not_loadable(name, number)
        document = self.agree(expected, self.registry.get, f"{name}@{number}")
        if document is not None:
            assert document.version.number == number
            self.is_kept(document)

    @rule(name=NAMES, label=st.sampled_from(["stable", "next", "previous"]))
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

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        expected = self.not_live(name)
        self.agree(expected, self.registry.delete, name)
        if expected is None:
            self.model[name].state = "deleted"

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
        if kept is not None and number is not None and number > kept.current:
            expected = UnknownVersion
        self.agree(expected, self.registry.destroy, name, number)
        if kept is not None and expected is None:
            gone = range(kept.current) if number is None else [number - 1]
            for index in gone:
                kept.payloads[index] = None
            kept.state = "destroyed" if number is None else kept.state

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
            assert self.registry.exists(name) == (kept.state == "live")

    @rule(name=NAMES)
    def history(self, name: str) -> None:
        if name not in self.model:
            return
        kept = self.model[name]
        history = self.registry.history(name)
        assert [version.number for version in history] == list(range(kept.current, 0, -1))
        destroyed = {version.number for version in history if version.state == "destroyed"}
        assert destroyed == {number for number, at in enumerate(kept.payloads, 1) if at is None}


class StoredMachine(RegistryMachine):
    """A workspace of its own in a store that all machines of a run share."""

    place: ClassVar[Any]
    numbers = count()

    @initialize()
    def start(self) -> None:
        self.workspace = f"machine-{next(self.numbers)}"
        opened(self.place).close()  # which makes the registry
        new_workspace(self.workspace, self.place.url, key=self.place.key)
        super().start()

    def open(self) -> Registry:
        return opened(self.place, workspace=self.workspace)

    @rule()
    def open_again(self) -> None:
        self.registry.close()
        self.registry = self.open()


def run(work: Work) -> Iterator[Figure]:
    if "SQLite" in work.places.names:
        yield steps(work, "memory", RegistryMachine)
    for store in work.places.names:
        with work.places.make(store, work.folder / store) as place:
            yield steps(work, store, type("Machine", (StoredMachine,), {"place": place}))


def steps(work: Work, store: str, machine: type[RegistryMachine]) -> Figure:
    """So many steps of machines that are made one after the other."""
    figure = Figure(11, "steps of a state machine beside a plain model", store)
    machine = type("Machine", (machine,), {"steps": 0})
    wanted = work.count(STEPS, least=100)
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
