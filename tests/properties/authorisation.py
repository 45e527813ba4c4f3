"""Row 15: who may do what, beside a model of the language of policies.

Callers with policies made at random (allows and denies, globs, selectors, templates, conditions; some of their own
facts are such as an attacker would choose) ask a service for everything that its API has for documents of several
workspaces and in every state, for other things of workspaces, and for things of the service. Each request is refused or
let pass as a model decides that was written from ``docs/reference/policies.md`` and shares no code with the product;
each listing shows just what the model allows. Questions to ``:test`` are compared as well, and documents that may be no
policies with the grammar on that page.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from faults.figure import Figure, Work

from properties import policy_material as material
from properties.policy_model import VERBS, Version, Who, is_rule, may

ROW = 15
CALLERS, QUESTIONS, GARBLED = 75, 150_000, 100_000
POLICIES = 40
NOWHERE = "nowhere"
OWN = "strongroom.service"


@dataclass(frozen=True)
class State:
    """What a block is: its current version and its labels; ``absent`` where there is none."""

    word: str
    current: int = 0
    labels: tuple[tuple[str, int], ...] = ()

    def at(self, number: int) -> Version | None:
        if self.word == "absent":
            return None
        labels = {label for label, version in self.labels if version == number}
        return Version(number, frozenset(labels | ({"latest"} if number == self.current else set())))

    def labelled(self, label: str) -> Version | None:
        found = self.current if label == "latest" else dict(self.labels).get(label)
        return None if found is None else self.at(found)


STATES = {
    "prod-db": State("live", 3, (("stable", 2), ("release-1", 1), ("previous", 2))),
    "dev-db": State("live", 1),
    "secret-db": State("deleted", 2, (("stable", 1), ("previous", 1))),
    "alice-db": State("destroyed", 2, (("previous", 1),)),
    "gone-db": State("absent"),
}


@dataclass(frozen=True)
class Ask:
    """A request, and what it is about. ``undo`` names what has to be put right again if it was done."""

    method: str
    path: str
    verb: str
    thing: str
    version: Version | None = None
    body: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    undo: str = ""


def run(work: Work) -> Iterator[Figure]:
    with world(work) as house:
        yield asked(work, house)
        yield listed(work, house)
        yield questioned(work, house)
    yield garbled(work)


def asks_of_block(workspace: str, name: str) -> Iterator[Ask]:
    state = STATES[name] if workspace in material.WORKSPACES else State("absent")
    thing = f"{workspace}/{name}"
    base = f"/api/v1/workspaces/{workspace}/documents/{name}"

    def ask(method: str, path: str, verb: str, version: Version | None = None, body: Any = None, **more: Any) -> Ask:
        return Ask(method, base + path, verb, thing, version, body, **more)

    yield ask("GET", "", "view")
    yield ask("GET", "/versions", "view")
    yield ask("GET", "/payload", "reveal", state.at(state.current))
    for number in (1, 2, 9):
        yield ask("GET", f"/payload?version={number}", "reveal", state.at(number))
    for label in ("stable", "latest", "release-1", "other"):
        yield ask("GET", f"/payload?label={label}", "reveal", state.labelled(label))
    draft = {"type": "secret", "schema": "1", "payload": "eA==", "expect": 999}
    yield ask("PUT", "", "write", None, draft)
    yield ask("POST", "/promote", "write", None, {"version": max(1, state.current)})
    for label, number in (("stable", 2), ("release-1", 1), ("stable", 9)):
        version = None if state.word == "absent" else Version(number, frozenset({label}))
        undo = "unlabel" if (name, number) == ("dev-db", 1) else ""
        yield ask("PUT", f"/labels/{label}", "label", version, {"version": number}, undo=undo)
    taken = None if state.labelled("stable") is None else state.labelled("stable").number  # type: ignore[union-attr]
    version = None if taken is None else Version(taken, frozenset({"stable"}))
    yield ask("DELETE", "/labels/stable", "label", version, undo="label" if taken else "")
    yield ask("DELETE", "/labels/other", "label", None)
    yield ask("DELETE", "", "delete", undo="undelete" if state.word == "live" else "")
    yield ask("POST", "/undelete", "delete", undo="delete" if state.word == "deleted" else "")
    yield ask("POST", "/destroy", "destroy", state.at(9), {"version": 9})
    if state.word in ("destroyed", "absent"):
        yield ask("POST", "/destroy", "destroy", None, {})


def asks_of_workspace(workspace: str) -> Iterator[Ask]:
    base = f"/api/v1/workspaces/{workspace}"
    yield Ask("GET", f"{base}/anchor", "view", f"{workspace}/:anchor")
    yield Ask("GET", f"{base}/keys", "view", f"{workspace}/:keys")
    yield Ask("POST", "/api/v1/workspaces", "write", f":service/workspaces/{workspace}", None, {"name": workspace})
    if workspace == NOWHERE:
        yield Ask("DELETE", base, "destroy", f":service/workspaces/{workspace}")


def asks_of_service() -> Iterator[Ask]:
    never = (("If-Match", '"999999"'),)
    for name in ("p-1", "p-11", "nothing", "alice"):
        at, thing = f"/api/v1/policies/{name}", f":service/policies/{name}"
        yield Ask("GET", at, "view", thing)
        yield Ask("PUT", at, "administer", thing, None, {"rules": []}, never)
    yield Ask("DELETE", "/api/v1/policies/nothing", "administer", ":service/policies/nothing")
    yield Ask("GET", "/api/v1/protections/p", "view", ":service/protections/p")
    yield Ask("DELETE", "/api/v1/protections/p", "administer", ":service/protections/p")
    yield Ask("GET", "/api/v1/tokens", "list", ":service/tokens")
    yield Ask("GET", "/api/v1/tokens/self", "view", ":service/tokens/self")
    yield Ask("GET", "/api/v1/tokens/AAAAbbbb0000", "view", ":service/tokens/AAAAbbbb0000")
    yield Ask("GET", "/api/v1/identities/users/bob", "view", ":service/identities/user:bob")
    question = {"verb": "view", "path": "default/db", "subject": {}}
    yield Ask("POST", "/api/v1/policies/:explain", "administer", ":service/policies", None, question)


class House:
    """The service, its policies and its callers."""

    def __init__(self, service: Any, clients: dict[str, Any], seed: int) -> None:
        from strongroom_service.policies.policy import Policy

        self.service = service
        self.clients = clients
        dice = random.Random(f"{seed}/policies")
        self.policies = {f"p-{number}": material.policy(dice) for number in range(POLICIES)}
        for name, document in self.policies.items():
            service.policies.write(name, Policy.model_validate_json(json.dumps(document)))
        for workspace in material.WORKSPACES:
            if workspace not in service.workspaces.names():
                service.workspaces.add(workspace)
            self._furnish(service.registry(workspace))

    def caller(self, dice: random.Random, number: int) -> tuple[Who, str]:
        """Somebody, and the token; the first ones have what random choice would rarely give."""
        from strongroom_service.identity.grant import Grant

        names = dice.sample(sorted(self.policies), dice.randint(1, 3))
        if number == 0:
            who = Who(address=dice.choice(material.ADDRESSES), is_root=True)
            return who, self.service.tokens.make_root().token.text
        special: list[tuple[str, ...]] = [(), ("default",), (), ("gone",)]
        names = list(special[number]) if number < len(special) else [*names, *dice.sample(["default", "gone"], 1)]
        facts = material.facts(dice)
        grant = Grant(identity="account:somebody", policies=tuple(names), facts=facts)
        token = self.service.tokens.issue(grant).token.text
        known = {"default": {"rules": [{"effect": "allow", "paths": [":service/tokens/self"],
                                        "verbs": ["view", "write", "delete"]}]}}  # fmt: skip
        documents = tuple(doc for name in names if (doc := self.policies.get(name) or known.get(name)))
        return Who(documents, facts, dice.choice(material.ADDRESSES)), token

    def answer(self, who: Who, token: str, ask: Ask) -> Any:
        headers = {"Authorization": f"Bearer {token}", **dict(ask.headers)}
        return self.clients[who.address].request(ask.method, ask.path, json=ask.body, headers=headers)

    def put_right(self, ask: Ask) -> None:
        """Have a block be as it was before a change that was let pass."""
        workspace, name = ask.thing.split("/")
        registry = self.service.registry(workspace)
        if ask.undo == "label":
            registry.label(name, "stable", 2)
        elif ask.undo == "unlabel":
            registry.unlabel(name, "release-1")
        elif ask.undo == "undelete":
            registry.undelete(name)
        else:
            registry.delete(name)

    @staticmethod
    def _furnish(registry: Any) -> None:
        for name, state in STATES.items():
            for number in range(state.current):
                registry.put(name, type="secret", schema="1", payload=b"%d" % number, overwrite=True)
            for label, number in state.labels:
                if label != "previous":
                    registry.label(name, label, number)
            if state.word == "deleted":
                registry.delete(name)
            elif state.word == "destroyed":
                registry.destroy(name)


@contextmanager
def world(work: Work) -> Iterator[House]:
    """A service of its own, and clients that ask from several addresses."""
    from starlette.testclient import TestClient
    from strongroom_service.http.application import Application
    from strongroom_service.service import Service

    home = {"STRONGROOM_HOME": str(work.folder / "home"), "XDG_CONFIG_HOME": str(work.folder / "config")}
    before = {name: os.environ.get(name) for name in home}
    os.environ.update(home)
    try:
        with ExitStack() as stack:
            service = stack.enter_context(Service.open())
            application = Application(service, gates=(), stages=())
            clients = {
                address: stack.enter_context(TestClient(application, client=(address, 50000)))
                for address in material.ADDRESSES
            }
            yield House(service, clients, work.seed)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def asked(work: Work, house: House) -> Figure:
    """Requests that are refused with 403, or let pass to whatever comes of them then."""
    figure = Figure(ROW, "requests refused or let pass as the model says", "")
    asks = [
        *(ask for workspace in (*material.WORKSPACES, NOWHERE, OWN) for ask in asks_of_workspace(workspace)),
        *asks_of_service(),
        *(
            ask
            for workspace in (*material.WORKSPACES, NOWHERE, OWN)
            for name in STATES
            for ask in asks_of_block(workspace, name)
        ),
    ]
    for number in range(work.count(CALLERS, least=2)):
        dice = work.dice("caller", number)
        who, token = house.caller(dice, number)
        some = asks if work.scale == 1 else dice.sample(asks, max(40, round(len(asks) * work.scale)))
        for ask in some:
            _compare(figure, house, who, token, ask)
    figure.remark = f"{len(asks)} requests of each caller"
    return figure


def _compare(figure: Figure, house: House, who: Who, token: str, ask: Ask) -> None:
    expected = may(who, ask.verb, ask.thing, ask.version)
    answer = house.answer(who, token, ask)
    status = answer.status_code
    if ask.undo and status == 200:
        house.put_right(ask)
    problem = None
    if (status != 403) is not expected or status in (401, 405, 422, 429) or status >= 500:
        problem = f"{ask}: HTTP {status}, and the model says {expected} for {who}"
    elif ask.thing.startswith(f"{OWN}/") and status < 400:
        problem = f"{ask}: the service's own workspace was served"
    where = "refused" if status == 403 else "let pass"
    figure.add(f"{ask.verb} {where}", problem)


def listed(work: Work, house: House) -> Figure:
    """Each name of a listing is there if the model allows to list it, and only then."""
    figure = Figure(ROW, "names shown in listings, or not, as the model says", "")
    live = [name for name, state in STATES.items() if state.word == "live"]
    every = [name for name, state in STATES.items() if state.word != "absent"]
    for number in range(work.count(CALLERS * 4, least=4)):
        who, token = house.caller(work.dice("lister", number), number)
        for workspace in material.WORKSPACES:
            base = f"/api/v1/workspaces/{workspace}"
            for path, names, key in (
                (f"{base}/documents", live, "documents"),
                (f"{base}/documents?deleted=true", every, "documents"),
                (f"{base}/names", every, "names"),
            ):
                answer = house.answer(who, token, Ask("GET", path, "list", ""))
                told = [] if answer.status_code == 403 else answer.json()[key]  # no right to anything in there
                shown = {one if isinstance(one, str) else one["name"] for one in told}
                for name in names:
                    _shown(figure, who, f"{workspace}/{name}", name in shown)
                for one in told:
                    if not isinstance(one, str) and one["labels"]:
                        _viewed(figure, who, f"{workspace}/{one['name']}")
        for path, key, names in (
            ("policies?limit=1000", "policies", [*house.policies, "root", "default"]),
            ("workspaces?limit=1000", "workspaces", list(material.WORKSPACES)),
        ):
            told = house.answer(who, token, Ask("GET", f"/api/v1/{path}", "list", "")).json()[key]
            shown = {one["name"] for one in told}
            for name in names:
                _shown(figure, who, f":service/{key}/{name}", name in shown)
    return figure


def _shown(figure: Figure, who: Who, thing: str, is_shown: bool) -> None:
    expected = may(who, "list", thing)
    problem = f"{thing} is shown: {is_shown}; the model says {expected} for {who}" if is_shown != expected else None
    figure.add("shown" if is_shown else "not shown", problem)


def _viewed(figure: Figure, who: Who, thing: str) -> None:
    problem = None if may(who, "view", thing) else f"{thing} shows its labels to {who}"
    figure.add("shown with labels", problem)


def questioned(work: Work, house: House) -> Figure:
    """What ``:test`` answers about anybody, a thousand questions at a time."""
    figure = Figure(ROW, "questions to :test answered as the model says", "")
    root = house.service.tokens.make_root().token.text
    things = [*(ask.thing for ask in asks_of_service()), ":service/workspaces/default", "default/:audit"]
    selectors = ("", "", "@1", "@2", "@9", "@stable", "@latest", "@release-1", "@other")
    known_addresses = [address for address in material.ADDRESSES if address != "testclient"]  # which is none
    for number in range(work.count(QUESTIONS // 1000, least=2)):
        dice = work.dice("question", number)
        names, facts = dice.sample(sorted(house.policies), dice.randint(1, 4)), material.facts(dice)
        draft, address = material.policy(dice), dice.choice(known_addresses)
        who = Who((*(house.policies[name] for name in names), draft), facts, address)
        checks = []
        for _ in range(1000):
            block = f"{dice.choice((*material.WORKSPACES, NOWHERE))}/{dice.choice(material.BLOCKS)}"
            path = block + dice.choice(selectors) if dice.random() < 0.85 else dice.choice(things)
            checks.append({"verb": dice.choice(VERBS), "path": path})
        subject = {"policies": names, "facts": facts, "draft": draft, "address": address}
        body = {"checks": checks, "subject": subject}
        asker = Who(address="10.1.2.3")
        answer = house.answer(asker, root, Ask("POST", "/api/v1/policies/:test", "", "", None, body))
        for check, told in zip(checks, answer.json()["results"], strict=True):
            expected = may(who, check["verb"], check["path"].partition("@")[0], _meant(check["verb"], check["path"]))
            problem = None if told["allowed"] is expected else f"{check}: {told}; the model says {expected} for {who}"
            figure.add("allowed" if told["allowed"] else told["why"].partition(" by ")[0], problem)
    return figure


def _meant(verb: str, path: str) -> Version | None:
    """The version that a question is about."""
    thing, at, selector = path.partition("@")
    workspace, _, name = thing.partition("/")
    if name not in STATES or not (at or verb == "reveal"):
        return None
    state = STATES[name] if workspace in material.WORKSPACES else State("absent")
    if not at:
        return state.at(state.current)
    return state.at(int(selector)) if selector.isdigit() else state.labelled(selector)


def garbled(work: Work) -> Figure:
    """Documents that may be no policies: taken if the grammar says so, else refused by a validation error alone."""
    from pydantic import ValidationError
    from strongroom_service.policies.policy import Policy

    figure = Figure(ROW, "documents taken as policies, or refused, as the grammar says", "")
    dice = work.dice("garbled")
    for _ in range(work.count(GARBLED, least=500)):
        document = material.garbled(dice)
        expected = all(map(is_rule, document["rules"]))
        try:
            Policy.model_validate_json(json.dumps(document))
            taken = True
        except ValidationError:
            taken = False
        problem = None if taken is expected else f"{document} is taken: {taken}; the grammar says {expected}"
        figure.add("taken" if taken else "refused", problem)
    return figure
