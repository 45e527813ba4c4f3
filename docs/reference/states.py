"""Writes ``states.md`` by driving the rules through all that can happen: ``python docs/reference/states.py``."""

from __future__ import annotations

import dataclasses
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from inspect import cleandoc
from pathlib import Path
from typing import Any, NamedTuple, get_args

from strongroom import rules
from strongroom.errors import CancelledRun, ParameterBindError, Pause, UpstreamTaskError
from strongroom.retries import Retries
from strongroom.rules import Policy, rules_of_a_run
from strongroom.states import Cached, Completed, Failed, State, Suspended
from strongroom.timeouts import Expired

PAGE = Path(__file__).with_name("states.md")

BEGINNING = "Pending"
DEVIATIONS = 3
"""So many things at most go another way than the usual one in each course that is followed."""


class Outcome(NamedTuple):
    """What may come of an effect, in words, and what the rules are sent for it; an exception is thrown."""

    words: str
    reply: Callable[[Any], Any]


def _entered(state: State[Any]) -> State[Any]:
    state.entered = True
    return state


INTERRUPTED = Outcome("is interrupted", lambda _: KeyboardInterrupt())
FAILED = Outcome("raises an exception", lambda _: ValueError("no rows"))
DONE = Outcome("is done", lambda _: None)

OUTCOMES: dict[type, list[Outcome]] = {
    rules.Enter: [Outcome("", lambda effect: _entered(effect.state))],
    rules.Prepare: [
        DONE,
        Outcome("finds that an upstream run did not complete", lambda _: UpstreamTaskError("upstream failed", "")),
        Outcome("finds arguments that do not fit", lambda _: ParameterBindError("n is missing", "")),
        INTERRUPTED,
    ],
    rules.Recall: [Outcome("finds nothing", lambda _: None), Outcome("finds a result", lambda _: Completed())],
    rules.LookUp: [Outcome("finds nothing", lambda _: None), Outcome("finds a result", lambda _: Cached())],
    rules.Occupy: [
        Outcome("takes the slots", lambda _: ""),
        Outcome("finds the slots taken", lambda _: "tag:crm"),
    ],
    rules.Vacate: [DONE],
    rules.Call: [
        Outcome("returns a value", lambda _: 1),
        FAILED,
        Outcome("takes too long", lambda effect: Expired(effect.timeout_seconds or 1.0, late=False)),
        Outcome("is cancelled", lambda _: CancelledRun("Somebody cancelled the run.")),
        INTERRUPTED,
        Outcome("is suspended", lambda _: Pause(Suspended())),
        Outcome("returns a state of its own", lambda _: Completed(name="Mine")),
        Outcome("returns runs, some of which failed", lambda _: [_entered(Completed()), _entered(Failed())]),
    ],
    rules.Gather: [Outcome("", lambda effect: effect.value)],
    rules.Abandon: [DONE],
    rules.Ask: [Outcome("agrees", lambda _: True), Outcome("refuses", lambda _: False)],
    rules.Sleep: [DONE, INTERRUPTED],
    rules.Keep: [Outcome("", lambda effect: effect.state)],
    rules.Undo: [DONE],
    rules.Settle: [DONE],
}
"""What may come of each effect; the first is the usual one. Every effect of the rules has to be here."""

WAITED = [Outcome("gets the slots", lambda _: None), INTERRUPTED]

FIXED: dict[str, dict[str, bool]] = {
    "Flow": {"prepares": True, "gathers": True, "caches": False, "asks": False, "transacts": False},
    "Task": {"gathers": False},
}
"""What is so for all runs of a kind; whatever else a policy has is tried both ways."""

HEAD = """\
# States of a run

*This page is written by `python docs/reference/states.py`, which drives the rules themselves
(`strongroom.rules`) through all that can happen; a test keeps it current.*

One set of rules holds for flows and tasks, synchronous and asynchronous. It says what to do, is told what came of it,
and says which state the run enters next. It does nothing itself, so that it can be followed through every course, as
this page does: {policies} kinds of runs, {courses} courses.
"""

STATES_HEAD = """\
## What leads where

A run begins as `Pending`. What is in parentheses is done only where it applies: `Ask`, for instance, where a task has a
`retry_condition_fn`. Retries begin where they are left and the run failed or took too long.
"""

EFFECTS_HEAD = """\
## What is done

| step | what it means |
|---|---|
"""


@dataclass
class Way:
    """From one state to the next: by which steps, in which kinds of runs, under which conditions."""

    steps: list[list[str]] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    conditions: set[str] | None = None


class Course(NamedTuple):
    """One run from its beginning to its end: what was done in each state, and how that went."""

    policy: Policy
    steps: list[tuple[Any, Outcome]]


def effects() -> list[type]:
    """All effects that the rules have."""
    return list(get_args(rules.Effect))


def outcomes(effect: Any) -> list[Outcome]:
    """What may come of one effect."""
    return WAITED if getattr(effect, "waits", False) else OUTCOMES[type(effect)]


def policies() -> Iterator[Policy]:
    """Every kind of run that there can be."""
    flags = [f.name for f in dataclasses.fields(Policy) if f.type == "bool"]
    for kind, fixed in FIXED.items():
        choices = [(fixed[flag],) if flag in fixed else (False, True) for flag in flags]
        for chosen in itertools.product(*choices):
            for retries in (Retries(), Retries(2), Retries(2, (10.0,))):
                yield Policy(kind, retries, 60.0, **dict(zip(flags, chosen, strict=True)))  # type: ignore[arg-type]


def courses(policy: Policy) -> Iterator[Course]:
    """Every course that a run may take. A generator cannot be copied, so each course is gone from its beginning."""
    pending: list[tuple[int, ...]] = [()]
    while pending:
        choices = pending.pop()
        course, options = _go(policy, choices)
        yield course
        for place in range(len(choices), len(options)):
            begun = (*choices, *([0] * (place - len(choices))))
            if sum(choice > 0 for choice in begun) < DEVIATIONS:
                pending += [(*begun, other) for other in range(1, options[place])]


def _go(policy: Policy, choices: tuple[int, ...]) -> tuple[Course, list[int]]:
    """One course, by the number of the outcome of each step; the usual ones where the numbers end."""
    steps: list[tuple[Any, Outcome]] = []
    options: list[int] = []
    run = rules_of_a_run(policy)
    try:
        effect = next(run)
        while True:
            known = outcomes(effect)
            options.append(len(known))
            choice = choices[len(steps)] if len(steps) < len(choices) else 0
            steps.append((effect, known[choice]))
            reply = known[choice].reply(effect)
            effect = run.throw(reply) if isinstance(reply, BaseException) else run.send(reply)
    except StopIteration:
        return Course(policy, steps), options


def ways() -> tuple[dict[tuple[str, str, str], Way], int, int]:
    """All ways from state to state, by the state, what happened there, and the next state; and what was tried."""
    found: dict[tuple[str, str, str], Way] = {}
    number = kinds = 0
    for policy in policies():
        kinds += 1
        for course in courses(policy):
            number += 1
            _note(course, found)
    return found, kinds, number


def _note(course: Course, found: dict[tuple[str, str, str], Way]) -> None:
    policy, state, retried, attempted = course.policy, BEGINNING, 0, False
    since: list[tuple[Any, Outcome]] = []
    for effect, outcome in course.steps:
        if type(effect) is not rules.Enter:
            since.append((effect, outcome))
            continue
        entered = f"`{effect.state.name}` {effect.state.type.value}"
        way = found.setdefault((state, _happened(since), entered), Way())
        names = [type(step).__name__ for step, _ in since]
        if names not in way.steps:
            way.steps.append(names)
        way.kinds.add(policy.kind.lower())
        now = {"no retries left"}
        if policy.retries.count > retried:
            now = {"retries left", "with a delay" if any(policy.retries.delays) else "without a delay"}
        now.add("after an attempt" if attempted else "before the first attempt")
        attempted = attempted or effect.state.name == "Running"
        way.conditions = now if way.conditions is None else way.conditions & now
        retried += effect.state.name == "Retrying"
        state, since = effect.state.name, []


def _happened(since: list[tuple[Any, Outcome]]) -> str:
    """What decided: what went another way than usual, else the last step that says something."""
    told = [
        f"{type(effect).__name__} {outcome.words}" for effect, outcome in since if outcome is not outcomes(effect)[0]
    ]
    if told:
        return ", ".join(dict.fromkeys(told))
    usual = [f"{type(effect).__name__} {outcome.words}" for effect, outcome in since if outcome.words]
    deciding = [text for text in usual if not text.endswith(("is done", "agrees", "finds nothing"))]
    return deciding[-1] if deciding else usual[-1] if usual else "nothing is in the way"


def rows() -> tuple[list[tuple[str, ...]], int, int]:
    """The rows of the table; and how many kinds of runs and courses they come from."""
    found, kinds, number = ways()
    order = list(dict.fromkeys([BEGINNING, *(state for state, _, _ in found)]))
    lines = []
    for (state, happened, entered), way in sorted(
        found.items(), key=lambda item: (order.index(item[0][0]), item[0][1:])
    ):
        rivals = [other for key, other in found.items() if key[:2] == (state, happened) and key[2] != entered]
        telling = (
            sorted((way.conditions or set()) - set.intersection(*(r.conditions or set() for r in rivals)))
            if rivals
            else []
        )
        what = f"{happened}; {', '.join(telling)}" if telling else happened
        runs = "both" if len(way.kinds) == 2 else f"{next(iter(way.kinds))}s"
        lines.append((f"`{state}`", what, _merged(way.steps), entered, runs))
    return _joined(lines), kinds, number


def _joined(lines: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Lines that say the same of several states as one."""
    states: dict[tuple[str, ...], list[str]] = {}
    for state, *rest in lines:
        states.setdefault(tuple(rest), []).append(state)
    return [(", ".join(names), *rest) for rest, names in states.items()]


def _merged(sequences: list[list[str]]) -> str:
    """Several sequences of steps as one, with parentheses around what is not in all of them."""
    always = set.intersection(*(set(sequence) for sequence in sequences))
    order: list[str] = []
    for sequence in sorted(sequences, key=len, reverse=True):
        place = 0
        for name in sequence:
            if name in order:
                place = order.index(name) + 1
            else:
                order.insert(place, name)
                place += 1
    return " → ".join(name if name in always else f"({name})" for name in order)


def page() -> str:
    """The whole page."""
    lines, kinds, number = rows()
    table = ["| in | what happens | what is done | next | in runs of |", "|---|---|---|---|---|"]
    for state, what, done, entered, runs in lines:
        name, _, kind = entered.partition(" ")
        table.append(f"| {state} | {what} | {done} | {name} ({kind}) | {runs} |")
    meanings = [f"| `{effect.__name__}` | {_markdown(effect.__doc__ or '')} |" for effect in effects()]
    head = HEAD.format(policies=f"{kinds:,}", courses=f"{number:,}")
    return "\n".join([head, STATES_HEAD, *table, "", f"{EFFECTS_HEAD}{chr(10).join(meanings)}"]) + "\n"


def _markdown(docstring: str) -> str:
    """A docstring in one line, with the marks of Markdown."""
    text = " ".join(cleandoc(docstring).split())
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}", file=sys.stderr)
