"""A request to a transit mount, with its fields read and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from strongroom_service.errors import InvalidRequest
from strongroom_service.http.call import Answer
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import VaultCall
from strongroom_service.vault_api.envelope import answered, invalid
from strongroom_service.vault_api.mount import Mount
from strongroom_service.vault_api.transit import material
from strongroom_service.vault_api.transit.keys import Keys

E = TypeVar("E", bound=StrEnum)
Body = Mapping[str, Any]

BATCH_MAX = 10_000
_BASE64_MAX = 64 * 1024 * 1024
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True, slots=True)
class TransitRequest:
    """One request.

    :param name: the key that it is about, empty where it is about none.
    :param rest: what else stood in the path.
    """

    call: VaultCall
    mount: Mount
    keys: Keys
    name: str = ""
    rest: tuple[str, ...] = ()

    @property
    def body(self) -> Body:
        """The fields of the body."""
        return self.call.body

    def record(self, action: str) -> None:
        """Have the audit say that the key was used; before what it was used for is answered."""
        self.call.service.record(self.call.caller, action, name=self.name, workspace=self.mount.workspace)

    def answer(self, data: Mapping[str, Any] | None, known: Iterable[str], *warnings: str, status: int = 200) -> Answer:
        """An answer, with a warning of the fields that do not count.

        :param known: the fields that count.
        """
        return answered(self.call, data, status=status, warnings=[*warnings, *self._ignored(known)])

    def _ignored(self, known: Iterable[str]) -> list[str]:
        unknown = set(self.body) - set(known) - {"name"}
        if not unknown:
            return []
        names = sorted(field for field in unknown if _FIELD.fullmatch(field))[:10]
        return [f"{len(unknown)} unknown fields were ignored: {', '.join(names)}"]


def bits(body: Body, name: str) -> bytes | None:
    """The bytes of a field in base64; None where it is missing."""
    value = body.get(name)
    return None if value is None else material.decoded(fields.text(body, name, longest=_BASE64_MAX), name)


def needed_bits(body: Body, name: str) -> bytes:
    """The bytes of a field in base64, which may be none but must be there."""
    found = bits(body, name)
    if found is None:
        raise invalid(f"missing {name}")
    return found


def number(body: Body, name: str, default: int = 0, *, most: int = 999_999_999) -> int:
    """A whole number."""
    found = fields.integer(body, name, default, most=most)
    return default if found is None else found


def switch(body: Body, name: str) -> bool:
    """A field that is true, or false or missing."""
    return bool(fields.boolean(body, name, False))


def one_of(kinds: type[E], body: Body, name: str, default: E) -> E:
    """A field that has one of a few values."""
    return chosen(kinds, fields.text(body, name, str(default), longest=64) or str(default), name)


def chosen(kinds: type[E], value: str, name: str) -> E:
    """One of a few values. Raises InvalidRequest, which says which there are."""
    if value not in set(kinds):
        raise invalid(f"{name} is one of {', '.join(kinds)}")
    return kinds(value)


def refuse_nonce(body: Body) -> None:
    """A nonce is never the caller's: with two texts under one that he chose he can forge any other."""
    if body.get("nonce"):
        raise invalid("nonce provided when not allowed: keys choose their nonces themselves")


One = Callable[[Body], dict[str, Any]]


def worked(request: TransitRequest, one: One, known: Iterable[str], *warnings: str, strict: bool) -> Answer:
    """The answer to a request for one thing, or for a batch of them, each of which fails by itself.

    :param one: works on the fields of one.
    :param warnings: sentences for the one who asked.
    :param strict: answer 400, or ``partial_failure_response_code``, where one of a batch fails.
    """
    body = request.body
    known = {*known, "batch_input", "reference", *(("partial_failure_response_code",) if strict else ())}
    if body.get("batch_input") is None:
        return request.answer(one(body), known, *warnings)
    results = [_result(one, item) for item in _batch(body, known)]
    failed = sum("error" in result for result in results)
    status = _failure(body, all_failed=failed == len(results)) if failed and strict else 200
    return request.answer({"batch_results": results}, known, *warnings, status=status)


def items(body: Body) -> list[Body]:
    """The fields of each of a batch, or those of the one thing that is asked for."""
    batch = body.get("batch_input")
    return [item for item in batch if isinstance(item, dict)] if isinstance(batch, list) else [body]


def _batch(body: Body, known: Iterable[str]) -> list[Body]:
    batch = body["batch_input"]
    if not isinstance(batch, list) or not batch or not all(isinstance(item, dict) for item in batch):
        raise invalid("batch_input is a list of objects, and not empty")
    if len(batch) > BATCH_MAX:
        raise invalid(f"batch_input has at most {BATCH_MAX} objects")
    if any(body.get(field) for field in set(known) - {"batch_input", "partial_failure_response_code", *_SHARED}):
        raise invalid("with batch_input, what counts for one of the batch stands in it and nowhere else")
    return batch


_SHARED = frozenset(
    {"algorithm", "hash_algorithm", "signature_algorithm", "marshaling_algorithm", "salt_length", "prehashed"}
    | {"type", "convergent_encryption", "key_version"}
)
"""What holds for all of a batch."""


def _result(one: One, item: Body) -> dict[str, Any]:
    try:
        reference = fields.text(item, "reference", "", longest=1024)
    except InvalidRequest as exc:
        return {"error": str(exc), "reference": ""}
    try:
        return one(item) | {"reference": reference}
    except InvalidRequest as exc:
        return {"error": str(exc), "reference": reference}


def _failure(body: Body, *, all_failed: bool) -> int:
    wanted = number(body, "partial_failure_response_code", 400, most=599)
    if wanted < 200:
        raise invalid("partial_failure_response_code is between 200 and 599")
    return 400 if all_failed else wanted
