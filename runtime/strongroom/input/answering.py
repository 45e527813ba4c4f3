"""Answering a run that waits: what it asks for, whether an answer fits, and letting it go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.control import pauses
from strongroom.control.pauses import PauseRecord
from strongroom.errors import InvalidRunInput, NotResumable
from strongroom.input import actions
from strongroom.input.keysets import keyset_of_pause
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun
from strongroom.ledger import current_ledger
from strongroom.states import Failed


@dataclass(frozen=True, slots=True)
class Question:
    """What a run waits for: ``schema`` is the JSON schema of the answer, None where it only wants to be resumed."""

    run: FlowRun
    pause: PauseRecord
    schema: dict[str, Any] | None
    description: str | None

    @property
    def fields(self) -> dict[str, dict[str, Any]]:
        """The schemas of the answer's fields, by name."""
        return dict((self.schema or {}).get("properties", {}))

    @property
    def required(self) -> frozenset[str]:
        """The fields that have no default."""
        return frozenset((self.schema or {}).get("required", ()))


def question_of(run: FlowRun) -> Question | None:
    """What a run, or one of the subflows that it waits in, waits for; None where nothing of it waits."""
    for candidate in _waiting_runs(run):
        with current_ledger().reading() as session:
            pause = pauses.waiting(session, candidate.id)
        if pause is None:
            continue
        if not pause.asks:
            return Question(candidate, pause, None, None)
        keys = keyset_of_pause("Suspended" if pause.suspends else "Paused", pause.key)
        schema = actions.get(candidate.id, keys["schema"])
        return Question(candidate, pause, schema, actions.get(candidate.id, keys["description"]))
    return None


def _waiting_runs(run: FlowRun) -> Iterator[FlowRun]:
    yield run
    for part in current_journal().subflow_runs(run.id):
        if part.state.is_paused():
            yield from _waiting_runs(part)


def let_go_on(run: FlowRun, run_input: Mapping[str, Any] | None) -> None:
    """Answer what a run waits for, if it waits; it goes on from then on.

    Raises :class:`~strongroom.errors.InvalidRunInput` for an answer that does not fit, and NotResumable where the time
    to resume it is over; then a suspended run has failed.
    """
    question = question_of(run)
    if question is None:
        return
    waiting, pause = question.run, question.pause
    _check_time(run, pause)
    record, key = None, ""
    if question.schema is not None:
        given = actions.plain(dict(run_input or {}))
        check(question.schema, given, run.name)
        key = keyset_of_pause("Suspended" if pause.suspends else "Paused", pause.key)["response"]
        record = actions.sealed(waiting.id, key, given)
    elif run_input:
        raise InvalidRunInput(f"The run {run.name!r} asks for no input.", "Resume it without any.")
    with current_ledger().changing() as session:
        if record is not None:
            actions.write(session, waiting.id, key, record)
        pauses.resume(session, waiting.id, pause.key)


def _check_time(run: FlowRun, pause: PauseRecord) -> None:
    with current_ledger().reading() as session:
        over = pause.is_over(session)
    if not over:
        return
    if pause.suspends:
        current_journal().claim(run, Failed(message="It was suspended, and nobody resumed it in time."))
    raise NotResumable(
        f"The run {run.name!r} was to be resumed until {pause.until:%Y-%m-%d %H:%M:%S} UTC, which is over.",
        "Run the flow anew, with a longer timeout or timeout=None.",
    )


def check(schema: Mapping[str, Any], given: Any, name: str) -> None:
    """Raise InvalidRunInput where an answer does not fit the JSON schema: which field, and why; never the value."""
    from jsonschema import Draft202012Validator, FormatChecker

    problems = sorted(
        Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(given), key=lambda e: list(e.path)
    )
    if not problems:
        return
    said = "; ".join(dict.fromkeys(_in_words(problem) for problem in problems[:3]))
    fields = ", ".join(schema.get("properties", {}))
    raise InvalidRunInput(
        f"The input for the run {name!r} does not fit: {said}. The run goes on waiting.",
        f"Give its fields: {fields}." if fields else "Give what it asks for.",
    )


def _in_words(problem: Any) -> str:
    """One finding of the validator. Its own words may quote the value."""
    where = ".".join(str(part) for part in problem.path) or "it"
    wanted, rule = problem.validator_value, problem.validator
    if rule == "required":
        missing = [name for name in wanted if name not in problem.instance]
        return f"{', '.join(missing)} is missing" + ("" if where == "it" else f" in {where}")
    if rule == "additionalProperties":
        known = problem.schema.get("properties", {})
        more = [name for name in problem.instance if name not in known]
        return f"{', '.join(map(str, more))} is no field of {where}"
    if rule == "type":
        return f"{where} is no {' or '.join(wanted) if isinstance(wanted, list) else wanted}"
    if rule in ("enum", "const"):
        return f"{where} is none of {', '.join(map(str, wanted if isinstance(wanted, list) else [wanted]))}"
    if rule in ("anyOf", "oneOf", "allOf"):
        return f"{where} is none of the types that it may be"
    return f"{where} does not have {rule} {wanted}"
