"""Secrets under any sequence of operations, held against a model that knows no documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from strongroom_registry import open_registry
from strongroom_registry.errors import StaleExpectation
from strongroom_service.vault_api.kv.secret_store import CasRequired, SecretStore

PATHS = st.sampled_from(["a", "a/b", "Ä/ b"])
NUMBERS = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@dataclass
class Version:
    value: int
    ends: datetime | None = None
    destroyed: bool = False


@dataclass
class Model:
    """One secret: its versions by number, where numbering stands, and what is set."""

    last: int = 0
    versions: dict[int, Version] = field(default_factory=dict)
    max_versions: int = 0
    cas_required: bool = False
    after: timedelta = timedelta(0)
    words: dict[str, str] = field(default_factory=dict)
    is_set: bool = False

    @property
    def current(self) -> int:
        return max(self.versions, default=0)

    def kept(self, default: int) -> dict[int, Version]:
        most = self.max_versions or default
        return {number: one for number, one in self.versions.items() if number > self.current - most}


class Secrets(RuleBasedStateMachine):
    """Writes, deletes, brings back, destroys; time goes on, and the store is opened anew at any moment."""

    @initialize(most=st.sampled_from([0, 1, 3]))
    def begin(self, most: int) -> None:
        self.registry = open_registry("memory:", workspace="vault")
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.settings: dict[str, Any] = {"max_versions": most}
        self.most = most or 10
        self.models: dict[str, Model] = {}
        self.counter = 0
        self.open_anew()

    @rule()
    def open_anew(self) -> None:
        self.store = SecretStore(self.registry, self.settings, lambda: self.now)

    @rule(hours=st.integers(1, 3))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(path=PATHS, cas=st.none() | st.integers(0, 6))
    def write(self, path: str, cas: int | None) -> None:
        model = self.model(path)
        self.counter += 1
        refusal = self.refusal(model, cas)
        if refusal is not None:
            with pytest.raises(refusal):
                self.store.write(path, {"value": self.counter}, cas)
            return
        status, words = self.store.write(path, {"value": self.counter}, cas)
        assert (status.number, words) == (model.last + 1, model.words)
        self.add(model, self.counter)

    @rule(path=PATHS, cas=st.none() | st.integers(0, 6))
    def patch(self, path: str, cas: int | None) -> None:
        model = self.model(path)
        self.counter += 1
        refusal = self.refusal(model, cas)
        if refusal is not None:
            with pytest.raises(refusal):
                self.store.patch(path, lambda former: {"value": self.counter}, cas)
            return
        found = self.store.patch(path, lambda former: {"value": self.counter}, cas)
        current = model.kept(self.most).get(model.current)
        assert (found is None) is (current is None or self.is_gone(current))
        if found is not None:
            self.add(model, self.counter)

    @rule(path=PATHS, numbers=st.none() | NUMBERS)
    def delete(self, path: str, numbers: list[int] | None) -> None:
        self.store.delete(path, numbers)
        model = self.model(path)
        for number, version in model.kept(self.most).items():
            if number in ([model.current] if numbers is None else numbers) and not self.is_over(version):
                version.ends = self.now

    @rule(path=PATHS, numbers=NUMBERS)
    def undelete(self, path: str, numbers: list[int]) -> None:
        self.store.undelete(path, numbers)
        for number, version in self.model(path).kept(self.most).items():
            if number in numbers and not version.destroyed:
                version.ends = None

    @rule(path=PATHS, numbers=NUMBERS)
    def destroy(self, path: str, numbers: list[int]) -> None:
        self.store.destroy(path, numbers)
        for number, version in self.model(path).kept(self.most).items():
            version.destroyed |= number in numbers

    @rule(path=PATHS)
    def delete_all(self, path: str) -> None:
        self.store.delete_all(path)
        self.models[path] = Model(last=self.model(path).last)

    @rule(
        path=PATHS,
        most=st.integers(0, 4),
        cas=st.booleans(),
        hours=st.integers(0, 2),
        words=st.sampled_from([{}, {"k": "v"}]),
    )
    def configure(self, path: str, most: int, cas: bool, hours: int, words: dict[str, str]) -> None:
        after = timedelta(hours=hours)
        changes = {"max_versions": most, "cas_required": cas, "delete_version_after": after}
        self.store.set_metadata(path, lambda former: former.model_copy(update=changes), lambda _: dict(words))
        model = self.model(path)
        model.max_versions, model.cas_required, model.after, model.words = most, cas, after, dict(words)
        model.is_set = True
        model.versions = model.kept(self.most)

    @invariant()
    @precondition(lambda self: hasattr(self, "store"))
    def what_is_read_is_what_was_written(self) -> None:
        for path, model in self.models.items():
            secret, kept = self.store.look(path), model.kept(self.most)
            assert secret.current == model.current
            assert {status.number: status.destroyed for status in self.store.versions(secret)} == {
                number: version.destroyed for number, version in kept.items()
            }
            for number in (None, *range(1, model.last + 2)):
                found, version = self.store.read(path, number), kept.get(number or model.current)
                assert (found is None) is (version is None)
                if found is not None and version is not None:
                    assert found.data == (None if self.is_gone(version) else {"value": version.value})
                    assert found.status.deletion_time == version.ends

    @invariant()
    @precondition(lambda self: hasattr(self, "store"))
    def what_is_there_is_listed(self) -> None:
        assert self.store.paths("") == {path for path, model in self.models.items() if model.versions or model.is_set}

    def model(self, path: str) -> Model:
        return self.models.setdefault(path, Model())

    def refusal(self, model: Model, cas: int | None) -> type[Exception] | None:
        if cas is None:
            return CasRequired if model.cas_required else None
        return None if cas == model.current else StaleExpectation

    def add(self, model: Model, value: int) -> None:
        model.last += 1
        model.versions[model.last] = Version(value, self.now + model.after if model.after else None)
        model.versions = model.kept(self.most)

    def is_over(self, version: Version) -> bool:
        return version.ends is not None and version.ends <= self.now

    def is_gone(self, version: Version) -> bool:
        return version.destroyed or self.is_over(version)

    def teardown(self) -> None:
        if hasattr(self, "registry"):
            self.registry.close()


TestSecrets = Secrets.TestCase
TestSecrets.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
