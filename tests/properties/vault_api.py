"""Row 18: Vault's API: whatever is asked of the secrets of a KV mount, in whatever order, it does what a plain
dictionary with the same rules does; and a request is let pass where Vault's documentation of policies says so."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import pytest
from faults.figure import Figure, Work
from faults.places import Place, opened
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from strongroom_registry import Registry, new_workspace, open_registry
from strongroom_registry.errors import StaleExpectation
from strongroom_service.vault_api.kv.secret_store import CasRequired, SecretStore

from properties import vault_policy_model as model_of_policies

ROW = 18
STEPS = 5_000
STEPS_OF_ONE = 25
CALLERS = 420

PATHS = st.sampled_from(["a", "a/b", "Ä/ b"])
NUMBERS = st.lists(st.integers(1, 5), min_size=1, max_size=3)
EXPECTED = st.sampled_from([None, 0, 0, 1, -1])
"""None for no expectation, or how far it is from the current version."""


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

    place: ClassVar[Place | None] = None
    numbers = count()
    steps: ClassVar[int] = 0

    @initialize(most=st.sampled_from([0, 1, 3]))
    def begin(self, most: int) -> None:
        self.registry = self.open()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.settings: dict[str, Any] = {"max_versions": most}
        self.most = most or 10
        self.models: dict[str, Model] = {}
        self.counter = 0
        self.open_anew()

    def open(self) -> Registry:
        """A workspace that is empty."""
        if self.place is None:
            return open_registry("memory:")
        workspace = f"vault-{next(self.numbers)}"
        new_workspace(workspace, self.place.url, key=self.place.key)
        return opened(self.place, workspace=workspace)

    @rule()
    def open_anew(self) -> None:
        self.store = SecretStore(self.registry, self.settings, lambda: self.now)

    @rule(hours=st.integers(1, 3))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(path=PATHS, off=EXPECTED)
    def write(self, path: str, off: int | None) -> None:
        model = self.model(path)
        cas = None if off is None else max(0, model.current + off)
        self.counter += 1
        refusal = self.refusal(model, cas)
        if refusal is not None:
            with pytest.raises(refusal):
                self.store.write(path, {"value": self.counter}, cas)
            return
        status, words = self.store.write(path, {"value": self.counter}, cas)
        assert (status.number, words) == (model.last + 1, model.words)
        self.add(model, self.counter)

    @rule(path=PATHS, off=EXPECTED)
    def patch(self, path: str, off: int | None) -> None:
        model = self.model(path)
        cas = None if off is None else max(0, model.current + off)
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
        self.prune(model)

    @invariant()
    @precondition(lambda self: hasattr(self, "store"))
    def what_is_read_is_what_was_written(self) -> None:
        type(self).steps += 1
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
        self.prune(model)

    def prune(self, model: Model) -> None:
        """What is not kept is destroyed, and stays so when more is kept later."""
        kept = model.kept(self.most)
        for number, version in model.versions.items():
            version.destroyed |= number not in kept

    def is_over(self, version: Version) -> bool:
        return version.ends is not None and version.ends <= self.now

    def is_gone(self, version: Version) -> bool:
        return version.destroyed or self.is_over(version)

    def teardown(self) -> None:
        if hasattr(self, "registry"):
            self.registry.close()


def run(work: Work) -> Iterator[Figure]:
    if "SQLite" in work.places.names:
        yield steps(work, "memory", Secrets)
    for store in work.places.names:
        with work.places.make(store, work.folder / store) as place:
            opened(place).close()
            yield steps(work, store, type("Machine", (Secrets,), {"place": place}))
    if "SQLite" in work.places.names:
        with served(work) as (ask, token_of):
            yield cells(work, ask, token_of)


def steps(work: Work, store: str, machine: type[Secrets]) -> Figure:
    """So many steps of machines that are made one after the other."""
    figure = Figure(ROW, "steps with secrets of KV version 2, beside a plain model", store)
    machine = type("Machine", (machine,), {"steps": 0})
    wanted = work.count(STEPS, least=100)
    for turn in range(wanted):
        try:
            run_state_machine_as_test(
                seed(work.seed + turn)(machine),
                settings=settings(
                    max_examples=max(1, (wanted - machine.steps) // STEPS_OF_ONE),
                    stateful_step_count=STEPS_OF_ONE,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate],
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


_SECRETS = ["/".join(["s", *parts]) for parts in (("a",), ("b",), ("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"))]
_METHODS = ("GET", "LIST", "PUT", "DELETE")
_CAPABILITIES = ("create", "read", "update", "delete", "list")


@contextmanager
def served(work: Work) -> Iterator[tuple[Any, Any]]:
    """How to ask a service of its own, and how to come by a token with some policies."""
    from starlette.testclient import TestClient
    from strongroom_service.http.application import Application
    from strongroom_service.identity.grant import Grant
    from strongroom_service.service import Service

    home = {"STRONGROOM_HOME": str(work.folder / "home"), "XDG_CONFIG_HOME": str(work.folder / "config")}
    before = {name: os.environ.get(name) for name in home}
    os.environ.update(home)
    try:
        with ExitStack() as stack:
            service = stack.enter_context(Service.open())
            client = stack.enter_context(TestClient(Application(service, gates=(), stages=())))
            root = service.tokens.make_root().token.text

            def ask(method: str, path: str, token: str = root, **body: Any) -> int:
                headers = {"X-Vault-Token": token}
                return client.request(method, f"/v1/{path}", json=body or None, headers=headers).status_code

            def token_of(number: int, policies: list[str]) -> str:
                names = [f"p{number}-{at}" for at in range(len(policies))]
                for name, text in zip(names, policies, strict=True):
                    assert ask("PUT", f"sys/policies/acl/{name}", policy=text) == 204
                grant = Grant(identity=f"account:n{number}", policies=tuple(names))
                return service.tokens.issue(grant).token.text

            assert ask("PUT", "sys/mounts/s", type="kv") == 204
            yield ask, token_of
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def cells(work: Work, ask: Any, token_of: Any) -> Figure:
    """Requests to a KV mount by callers with policies that were made up."""
    figure = Figure(ROW, "requests to a KV mount refused or let pass as the model of Vault's policies says")
    there: set[str] = set()
    for number in range(work.count(CALLERS, least=6)):
        dice = work.dice("caller", number)
        rules, texts = _policies(dice)
        token = token_of(number, texts)
        for path in dice.sample(_SECRETS, len(_SECRETS)):
            for method in dice.choices(_METHODS, k=9):
                status = ask(method, path, token, **({"n": number} if method == "PUT" else {}))
                capability = _capability(method, path in there)
                expected = model_of_policies.may(rules, capability, path)
                is_wrong = (status != 403) is not expected
                problem = f"{method} {path} by {texts}: {status}; the model says {expected}" if is_wrong else None
                figure.add(f"{capability}: {'let pass' if expected else 'refused'}", problem)
                if status == 204:
                    there = there | {path} if method == "PUT" else there - {path}
    return figure


def _capability(method: str, is_there: bool) -> str:
    if method == "PUT":
        return "update" if is_there else "create"
    return {"GET": "read", "LIST": "list", "DELETE": "delete"}[method]


def _policies(dice: random.Random) -> tuple[list[model_of_policies.Rule], list[str]]:
    """Rules that were made up, and one to three policies that hold them."""
    rules: list[model_of_policies.Rule] = []
    policies: list[dict[str, list[str]]] = [{} for _ in range(dice.randint(1, 3))]
    for _ in range(dice.randint(1, 7)):
        segments = [dice.choice(["s", "s", "s", "+"]), *dice.choices(["a", "b", "+"], k=dice.randint(0, 2))]
        path = "/".join(segments) + dice.choice(["", "", "/*", "*", "/"])
        policy = dice.choice(policies)
        if path.endswith("+*") or path in policy:
            continue
        capabilities = dice.sample(_CAPABILITIES, dice.randint(1, 4)) if dice.random() < 0.8 else ["deny"]
        policy[path] = capabilities
        rules.append((path, frozenset(capabilities)))
    return rules, [_text(policy, dice.random() < 0.5) for policy in policies]


def _text(policy: dict[str, list[str]], is_hcl: bool) -> str:
    if not is_hcl:
        return json.dumps({"path": {path: {"capabilities": found} for path, found in policy.items()}})
    return "".join(
        f"path {json.dumps(path)} {{\n  capabilities = {json.dumps(found)}\n}}\n" for path, found in policy.items()
    )
