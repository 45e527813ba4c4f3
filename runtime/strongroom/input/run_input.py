"""Input of a type: what a paused run asks for, and what runs send to each other.

A class that derives from :class:`RunInput` names the fields. What is sent is kept sealed, and is checked against those
fields when it arrives. An error of such a check never shows the value.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, get_origin
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, PrivateAttr, create_model

from strongroom.colours import asynchronous, dual
from strongroom.context import FlowRunContext
from strongroom.errors import InvalidRunInput
from strongroom.input import actions
from strongroom.input.keysets import Keyset as Keyset
from strongroom.input.keysets import keyset_from_base_key as keyset_from_base_key
from strongroom.input.keysets import keyset_from_paused_state as keyset_from_paused_state

T = TypeVar("T")
_SENDER = "strongroom.flow-run."


class RunInputMetadata(BaseModel):
    """Where an input came from: its ``key``, the run that sent it, if a run did, and the run that received it."""

    key: str
    sender: str | None = None
    receiver: UUID


class BaseRunInput(BaseModel):
    """What all inputs can do."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    _description: ClassVar[str | None] = None
    _metadata: RunInputMetadata | None = PrivateAttr(default=None)

    @property
    def metadata(self) -> RunInputMetadata:
        """Where it came from; raises ValueError for an input that was not received."""
        if self._metadata is None:
            raise ValueError("This input was made here, so it has no metadata; those that were received have.")
        return self._metadata

    @classmethod
    def keyset_from_type(cls) -> Keyset:
        """The keys under which a question of this type is kept."""
        return keyset_from_base_key(cls.__name__.lower())

    @classmethod
    def with_initial_data(cls, description: str | None = None, **kwargs: Any) -> type[Self]:
        """A class like this one whose fields have these values where nobody gives others.

        ``description`` is shown to who is asked, in Markdown.
        """
        fields: dict[str, Any] = {}
        for name, value in kwargs.items():
            if name not in cls.model_fields:
                known_names = ", ".join(cls.model_fields)
                raise InvalidRunInput(f"{cls.__name__} has no field {name!r}.", f"It has {known_names}.")
            known = cls.model_fields[name]
            fields[name] = (known.annotation, _with_default(known, value))
        made = cast("type[Self]", create_model(cls.__name__, __base__=cls, **fields))
        if description is not None:
            made._description = description
        return made

    @classmethod
    def _save(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        run = actions.receiver(flow_run_id)
        actions.put(run, keyset["schema"], cls.model_json_schema(mode="validation"))
        if cls._description is not None:
            actions.put(run, keyset["description"], cls._description)

    @classmethod
    def save(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Any:
        """Keep what is asked for: the JSON schema and the description. Awaited in asynchronous code."""
        return dual(cls._save)(keyset, flow_run_id)

    @classmethod
    async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        """The asynchronous twin of :meth:`save`."""
        await asynchronous(cls._save)(keyset, flow_run_id)

    @classmethod
    def _load(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Any:
        run = actions.receiver(flow_run_id)
        value = actions.get(run, keyset["response"])
        made = cls.model_validate({} if value is None else value)
        made._metadata = RunInputMetadata(key=keyset["response"], receiver=run)
        return made._given()

    @classmethod
    def load(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Any:
        """The answer; raises pydantic's ValidationError for one that does not fit. Awaited in asynchronous code."""
        return dual(cls._load)(keyset, flow_run_id)

    @classmethod
    async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Any:
        """The asynchronous twin of :meth:`load`."""
        return await asynchronous(cls._load)(keyset, flow_run_id)

    @classmethod
    def load_from_flow_run_input(cls, flow_run_input: actions.FlowRunInput) -> Self:
        """The input that a kept value is; raises pydantic's ValidationError where it is none of this type."""
        made = cls.model_validate(flow_run_input.value)
        made._metadata = RunInputMetadata(
            key=flow_run_input.key, sender=flow_run_input.sender, receiver=flow_run_input.flow_run_id
        )
        return made

    def _given(self) -> Any:
        """What a caller gets: the input itself."""
        return self

    def send_to(self, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> Any:
        """Send this to a flow run, which receives it once it asks for this type. Awaited in asynchronous code."""
        return dual(_send)(self, flow_run_id, sender, key_prefix)

    async def asend_to(self, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> None:
        """The asynchronous twin of :meth:`send_to`."""
        await asynchronous(_send)(self, flow_run_id, sender, key_prefix)

    def respond(self, run_input: Any, sender: str | None = None, key_prefix: str | None = None) -> Any:
        """Send ``run_input`` to the run that sent this one. Awaited in asynchronous code.

        Raises :class:`~strongroom.errors.InvalidRunInput` where no run did.
        """
        return dual(_send)(run_input, self._sender(), sender, key_prefix)

    async def arespond(self, run_input: Any, sender: str | None = None, key_prefix: str | None = None) -> None:
        """The asynchronous twin of :meth:`respond`."""
        await asynchronous(_send)(run_input, self._sender(), sender, key_prefix)

    def _sender(self) -> UUID:
        sender = self.metadata.sender or ""
        if not sender.startswith(_SENDER):
            raise InvalidRunInput(
                "No flow run sent this input, so nobody can be answered.", "Answer those of flow runs."
            )
        return UUID(sender.removeprefix(_SENDER))


class RunInput(BaseRunInput):
    """An input whose class a user writes: pydantic fields, nothing more."""

    @classmethod
    def receive(
        cls,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: Collection[str] | None = None,
        key_prefix: str | None = None,
        flow_run_id: UUID | None = None,
    ) -> Any:
        """All inputs of this type that a run gets, one by one: see :func:`receive_input`."""
        from strongroom.input.receiving import GetInputHandler

        return GetInputHandler(
            cls, key_prefix or _prefix(cls), timeout, poll_interval, raise_timeout_error, exclude_keys, flow_run_id
        )

    @classmethod
    def subclass_from_base_model_type(cls, model_cls: type[BaseModel]) -> type[RunInput]:
        """A class of inputs with the fields and validators of a model."""
        config = ConfigDict(**{**model_cls.model_config, "extra": "forbid", "hide_input_in_errors": True})
        return type(f"{model_cls.__name__}RunInput", (cls, model_cls), {"model_config": config, "__module__": __name__})


class AutomaticRunInput(BaseRunInput, Generic[T]):
    """The input that stands for a plain type: one field, ``value``."""

    value: T

    @classmethod
    def subclass_from_type(cls, _type: type[T]) -> type[AutomaticRunInput[T]]:
        """A class of inputs whose ``value`` is of this type. Those of ``list[int]`` and of ``list`` have one name."""
        kind = get_origin(_type) or _type
        name = getattr(kind, "__name__", None) or str(kind).rpartition(".")[2]
        return create_model(f"{name}AutoInput", __base__=AutomaticRunInput, value=(_type, ...))

    def _given(self) -> T:
        return self.value

    @classmethod
    def receive(
        cls,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: Collection[str] | None = None,
        key_prefix: str | None = None,
        flow_run_id: UUID | None = None,
        with_metadata: bool = False,
    ) -> Any:
        """All values of this type that a run gets, one by one: see :func:`receive_input`."""
        from strongroom.input.receiving import GetAutomaticInputHandler

        return GetAutomaticInputHandler(
            *(cls, key_prefix or _prefix(cls), timeout, poll_interval, raise_timeout_error, exclude_keys, flow_run_id),
            with_metadata=with_metadata,
        )


def run_input_subclass_from_type(_type: Any) -> Any:
    """The class of inputs for a type: itself, one like a model, or one with a field ``value``."""
    if isinstance(_type, type) and get_origin(_type) is None:
        if issubclass(_type, BaseRunInput):
            return _type
        if issubclass(_type, BaseModel):
            return RunInput.subclass_from_base_model_type(_type)
    return AutomaticRunInput.subclass_from_type(_type)


def _with_default(known: Any, value: Any) -> Any:
    from copy import copy

    field = copy(known)
    field.default, field.default_factory = value, None
    field._attributes_set = {**field._attributes_set, "default": value}
    return field


def _prefix(kind: type[BaseRunInput]) -> str:
    return f"{kind.__name__.lower()}-auto"


def _send(run_input: Any, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> None:
    if not isinstance(run_input, BaseRunInput):
        kind = run_input_subclass_from_type(type(run_input))
        fields = dict(run_input) if isinstance(run_input, BaseModel) else {"value": run_input}
        run_input = kind.model_construct(**fields)
    if sender is None and (flow := FlowRunContext.get()) is not None:
        sender = f"{_SENDER}{flow.id}"
    key = f"{key_prefix or _prefix(type(run_input))}-{uuid4()}"
    actions.put(actions.receiver(flow_run_id), key, run_input, sender)


def send_input(run_input: Any, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> Any:
    """Send something to a flow run, which receives it once it asks for this type; awaited in asynchronous code.

    :param run_input: a :class:`RunInput`, a pydantic model, or what JSON can say.
    :param flow_run_id: the run; it need not receive yet.
    :param sender: who sends it; the calling flow run, where there is one.
    :param key_prefix: what the receiver looks for; where it is not given, the name of the type.
    """
    return dual(_send)(run_input, flow_run_id, sender, key_prefix)


async def asend_input(
    run_input: Any, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None
) -> None:
    """The asynchronous twin of :func:`send_input`."""
    await asynchronous(_send)(run_input, flow_run_id, sender, key_prefix)


def __getattr__(name: str) -> Any:
    if name in ("receive_input", "GetInputHandler", "GetAutomaticInputHandler"):
        from strongroom.input import receiving

        return getattr(receiving, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
