"""Receiving what is sent to a run: one input after the other, in the order in which they came."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, Generic, Self, TypeVar, cast
from uuid import UUID

from strongroom.colours import in_asynchronous_code
from strongroom.input import actions
from strongroom.input.run_input import AutomaticRunInput, BaseRunInput, run_input_subclass_from_type
from strongroom.ledger import await_until, wait_until

R = TypeVar("R", bound=BaseRunInput)
T = TypeVar("T")


class GetInputHandler(Generic[R]):
    """All inputs of a type that a run gets, from the first on: ``for``, ``async for``, or ``next()`` for one at a time.

    The object knows which was the last one; another one starts again from the first.
    """

    def __init__(
        self,
        run_input_cls: type[R],
        key_prefix: str,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: Collection[str] | None = None,
        flow_run_id: UUID | None = None,
    ) -> None:
        self.run_input_cls = run_input_cls
        self.key_prefix = key_prefix
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.raise_timeout_error = raise_timeout_error
        self.exclude_keys = set(exclude_keys or ())
        self.flow_run_id = actions.receiver(flow_run_id)
        self._place = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return self._next()
        except TimeoutError:
            if self.raise_timeout_error:
                raise
            raise StopIteration from None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.anext()
        except TimeoutError:
            if self.raise_timeout_error:
                raise
            raise StopAsyncIteration from None

    def next(self) -> Any:
        """The next input; awaited in asynchronous code. Raises TimeoutError where none comes in time."""
        return self.anext() if in_asynchronous_code() else self._next()

    async def anext(self) -> Any:
        """The asynchronous twin of :meth:`next`."""
        due = self._due()
        while (left := self._left(due)) is not None:
            found = await await_until(self._probe, left)
            if found is not None:
                return self._taken(found)
        raise self._nothing()

    def _next(self) -> Any:
        due = self._due()
        while (left := self._left(due)) is not None:
            found = wait_until(self._probe, left)
            if found is not None:
                return self._taken(found)
        raise self._nothing()

    def _due(self) -> tuple[float | None, list[bool]]:
        return (None if self.timeout is None else time.monotonic() + self.timeout), []

    def _left(self, due: tuple[float | None, list[bool]]) -> float | None:
        """How long to wait until the ledger is asked again for sure; None when the time is over, after one look."""
        limit, looked = due
        left = self.poll_interval if limit is None else min(self.poll_interval, limit - time.monotonic())
        if left <= 0 and looked:
            return None
        looked.append(True)
        return max(left, 0.0)

    def _probe(self, session: Any) -> Any:
        return actions.behind(session, self.flow_run_id, self.key_prefix, self._place, self.exclude_keys)

    def _taken(self, found: Any) -> Any:
        sent = actions.opened(self.flow_run_id, found)
        self._place = sent.place
        self.exclude_keys.add(sent.key)
        return self.to_instance(sent)

    def _nothing(self) -> TimeoutError:
        return TimeoutError(f"No {self.run_input_cls.__name__} came in {self.timeout} seconds.")

    def to_instance(self, flow_run_input: actions.FlowRunInput) -> Any:
        """The input that a kept value is."""
        return self.run_input_cls.load_from_flow_run_input(flow_run_input)


class GetAutomaticInputHandler(GetInputHandler[AutomaticRunInput[T]], Generic[T]):
    """The same for plain types: gives the values, or with ``with_metadata`` the inputs that hold them."""

    def __init__(self, *args: Any, with_metadata: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.with_metadata = with_metadata

    def to_instance(self, flow_run_input: actions.FlowRunInput) -> Any:
        """The value, or the input that holds it."""
        made = super().to_instance(flow_run_input)
        return made if self.with_metadata else made.value


def receive_input(
    input_type: Any,
    timeout: float | None = 3600,
    poll_interval: float = 10,
    raise_timeout_error: bool = False,
    exclude_keys: Collection[str] | None = None,
    key_prefix: str | None = None,
    flow_run_id: UUID | None = None,
    with_metadata: bool = False,
) -> Any:
    """All inputs of a type that a run gets, one by one: iterate with ``for`` or ``async for``, or call ``next()``.

    :param input_type: a :class:`RunInput`, a pydantic model, or any type that pydantic knows.
    :param timeout: how many seconds to wait for each; None for ever.
    :param poll_interval: how many seconds may pass at most until what another process sent is seen; mostly half of one.
    :param raise_timeout_error: whether TimeoutError is raised where none came in time, or the iteration just ends.
    :param exclude_keys: keys (``.metadata.key``) of inputs to leave out, as they were seen before.
    :param key_prefix: what senders gave as theirs; where it is not given, the name of the type.
    :param flow_run_id: the run whose inputs they are; the one that the calling code is part of.
    :param with_metadata: of a plain type, give the input that holds the ``value``, with ``metadata`` and ``respond``.
    """
    kind = run_input_subclass_from_type(input_type)
    options: dict[str, Any] = {
        "timeout": timeout,
        "poll_interval": poll_interval,
        "raise_timeout_error": raise_timeout_error,
        "exclude_keys": exclude_keys,
        "key_prefix": key_prefix,
        "flow_run_id": flow_run_id,
    }
    if issubclass(kind, AutomaticRunInput):
        options["with_metadata"] = with_metadata
    return cast("Any", kind).receive(**options)
