"""Giving a credential a new value where it is checked, in four steps, so that it never does not work.

The steps are those of AWS Secrets Manager's rotation: create, set, test, finish. The new value is saved as the version
``pending`` before anybody else learns of it, and becomes the current one only once it is proved to work. Interrupted
anywhere, the next call goes on with the version that is pending.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from strongroom_registry.document import PENDING

from strongroom_blocks import documents
from strongroom_blocks.block import Block
from strongroom_blocks.capabilities import Checkable
from strongroom_blocks.errors import RotationNotPossible
from strongroom_blocks.sources.secret_reference import located

if TYPE_CHECKING:
    from strongroom_registry.document import Version

B = TypeVar("B", bound=Block)

_TIMEOUT = 30.0


class Step(StrEnum):
    """Where a rotation is."""

    CREATE = "create"
    SET = "set"
    TEST = "test"
    FINISH = "finish"


class CredentialRotation(ABC, Generic[B]):
    """How the credential in blocks of one type is given a new value. Each step may be repeated."""

    @abstractmethod
    def create(self, current: B) -> B:
        """A block with a new credential, of which nobody knows yet. Changes nothing anywhere."""

    @abstractmethod
    def set(self, current: B, pending: B) -> None:
        """Have the service accept the new credential; if it can, beside the current one."""

    def test(self, pending: B) -> None:
        """Prove that the new credential works, or raise; by default what :meth:`check` of the type does."""
        if not isinstance(pending, Checkable):
            raise _untestable(pending)
        pending.check(_TIMEOUT)

    def finish(self, former: B, current: B) -> None:  # most have nothing to do
        """Once the new credential is the current version: take the former one away, where that is wanted."""


def rotate_credential(
    name: str,
    rotation: CredentialRotation[B],
    *,
    message: str = "rotated",
    lifetime: timedelta | None = None,
    at: Callable[[Step], None] = lambda _: None,
) -> Version:
    """Give the credential of a block a new value.

    :param name: the block; those who load it get the new version once it was tested.
    :param lifetime: how long the new value is good, as ``strongroom block due`` tells of it.
    :param at: called before each step.
    :raises StaleExpectation: somebody saved another version meanwhile; the pending one stays pending.
    :raises RotationNotPossible: what would get a new value is kept elsewhere, and the block only points at it; or a
        version is pending that is older than the current one; or nothing says how to test the new value.
    :raises Exception: what a step raised. Before *finish* the current version stays the current one, and calling again
        goes on; if *finish* raises, the new value is current already, and calling again makes another one.
    """
    registry = documents.the_registry()
    head = registry.head(name)
    current: B = documents.load(Block, f"{name}@{head.current}")  # type: ignore[assignment]
    if type(rotation).test is CredentialRotation.test and not isinstance(current, Checkable):
        raise _untestable(current)  # before the service is told of a value that could not be proved afterwards
    number = head.labels.get(PENDING)
    if number is None:
        at(Step.CREATE)
        expires_at = datetime.now().astimezone() + lifetime if lifetime is not None else None
        created = rotation.create(current)
        _refuse_what_is_kept_elsewhere(name, current, created)
        number = created.save(name, message=message, expect=head.current, expires_at=expires_at, pending=True).number
    elif number < head.current:
        raise RotationNotPossible(
            f'Version {number} of "{name}" is pending, and version {head.current} was saved after it.',
            f"See which of them works and make it the current one; then: strongroom block unlabel {name} {PENDING}",
        )
    pending: B = documents.load(Block, f"{name}@{number}")  # type: ignore[assignment]
    at(Step.SET)
    rotation.set(current, pending)
    at(Step.TEST)
    rotation.test(pending)
    registry.promote(name, number, expect=head.current, message=message)
    at(Step.FINISH)
    rotation.finish(current, pending)
    return next(version for version in registry.history(name) if version.number == number)


def _untestable(block: Block) -> RotationNotPossible:
    return RotationNotPossible(
        f"{type(block).__name__} has no check(), so nothing would prove that the new value works.",
        "Say how to test it: override test() in the rotation.",
    )


def _refuse_what_is_kept_elsewhere(name: str, current: Block, created: Block) -> None:
    """A new value in place of a reference would leave what it points at as it was, and out of use."""
    left = {path for path, _ in located(created)}
    for path, reference in located(current):
        if path not in left:
            raise RotationNotPossible(
                f'The field "{path}" of "{name}" points at {reference.text}: the credential is kept there.',
                "Rotate it there; who loads the block gets the new one.",
            )
