"""Flows: functions that call tasks and other flows, and whose runs are recorded, retried, timed, and can be resumed.

Parameters and their meaning are those that Prefect 3 documents under "Flows".
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, Unpack, overload

from strongroom_blocks.twins import async_twin

from strongroom import engine, sketching
from strongroom.calls.flow_call import FlowCall
from strongroom.definitions import Definition, Options
from strongroom.deployable import Deployable
from strongroom.errors import InvalidDefinition, InvalidNameError
from strongroom.parameters import ParameterSchema, Validator, serialized
from strongroom.rules import Policy
from strongroom.run_names import RunName
from strongroom.task_runners import TaskRunner, ThreadPoolTaskRunner

if TYPE_CHECKING:
    from strongroom.graphs.picture import Picture

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_REFUSED = frozenset("/%&<>")


class FlowOptions(Options, total=False):
    """The options of flows, beside those that tasks have too."""

    flow_run_name: RunName | None
    task_runner: TaskRunner | type[TaskRunner] | None
    validate_parameters: bool


class Flow(Deployable, Definition, Generic[P, R]):
    """A function that runs as a flow. Made by :func:`flow`, which documents the options."""

    def __init__(self, fn: Callable[P, R], **options: Unpack[FlowOptions]) -> None:
        super().__init__(fn, "flow", options, FlowOptions)
        if options.get("name") is None:
            self.name = self.name.replace("_", "-")
        if refused := sorted(_REFUSED.intersection(self.name)):
            raise InvalidNameError(f"The flow's name {self.name!r} has a {refused[0]!r}.", "Leave out / % & < and >.")
        if self.version is None and self.file_hash is not None:
            self.version = self.file_hash.hex()
        self.flow_run_name = options.get("flow_run_name")
        self.task_runner: TaskRunner = _task_runner(options.get("task_runner"))
        self.should_validate_parameters = options.get("validate_parameters", True)
        stored = options.get("result_storage") is not None or options.get("result_serializer") is not None
        if self.persist_result is None and stored:
            self.persist_result = True

    def policy(self, recalls: bool, durable: bool) -> Policy:
        """What the rules have to know of one call."""
        return Policy(
            "Flow", self.retry_policy, self.timeout_seconds, True, recalls=recalls, gathers=True, durable=durable
        )

    @functools.cached_property
    def validator(self) -> Validator:
        """What validates the arguments."""
        return Validator(self.fn, self.signature)

    @functools.cached_property
    def entrypoint(self) -> str | None:
        """Where it is found again: ``path.py:function`` or ``package.module:function``; None for an inner function."""
        qualified = getattr(self.fn, "__qualname__", "")
        module = getattr(self.fn, "__module__", None) or ""
        if not qualified or "<" in qualified or self._bound:
            return None
        if "." in module:
            return f"{module}:{qualified}"
        return f"{self.file}:{qualified}" if self.file is not None and self.file.is_file() else None

    @functools.cached_property
    def file_hash(self) -> bytes | None:
        """The SHA-256 of the file that the function stands in."""
        if self.file is None or not self.file.is_file():
            return None
        return hashlib.sha256(self.file.read_bytes()).digest()

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters as the annotations want them; raises ParameterTypeError, which names what does not fit."""
        return self.validator.validate(self.signature.bind((), parameters))

    def serialize_parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as JSON can carry them; of a value that it cannot, the name of its type: ``"<Socket>"``."""
        return serialized(parameters)

    @functools.cached_property
    def parameters(self) -> ParameterSchema:
        """What the flow takes, as JSON Schema: ``flow.parameters.properties["table"]["type"]``."""
        return self.validator.schema()

    def with_options(self, **options: Unpack[FlowOptions]) -> Flow[P, R]:
        """A flow of the same function and the same options, but for those given here."""
        other: Flow[P, R] = Flow(self.fn, **self.changed(options))
        other._bind_like(self)
        other.origin = self.origin
        return other

    if TYPE_CHECKING:

        @overload
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
        @overload
        def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> Any: ...
        @overload
        def __call__(self, *args: Any, wait_for: Iterable[Any] | None, **kwargs: Any) -> R: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    else:

        def __call__(self, /, *args, return_state=False, wait_for=None, **kwargs):
            """Run the flow here and now: what the function returns, or with ``return_state`` the run's final state.

            Returned futures and states of other runs, alone or in a list, tuple or set, decide whether the run
            completed; the caller gets them as states. Raises what the function raises, and what a returned state, or
            the run behind a single future, failed with.
            """
            if sketching.going_on and (sketch := sketching.current.get()) is not None:
                return sketch.called(self, self.signature.bind(args, kwargs), wait_for, return_state)
            return engine.start(FlowCall(self, self.signature.bind(args, kwargs), wait_for), return_state=return_state)

    def visualize(self, *args: Any, **kwargs: Any) -> Picture:
        """Draw the tasks of the flow and what each waits for, without running them: an SVG.

        A notebook shows it; elsewhere it is written to ``<name>.svg`` in the working directory, and opened where there
        is a desktop. The flow's own code runs: where that looks into a task's result, the task needs a
        ``viz_return_value``. Raises :class:`~strongroom.errors.FlowVisualizationError` otherwise.
        """
        from strongroom.graphs import svg
        from strongroom.graphs.picture import present
        from strongroom.graphs.sketch import sketch

        root = sketch(self, args, kwargs)
        return present(self.name, svg(root, title=self.name, subtitle="structure", duration=lambda _: ""))

    avisualize = async_twin(visualize)

    def generate_mermaid_graph(self, *args: Any, **kwargs: Any) -> str:
        """The same as :meth:`visualize`, as a ``flowchart TD`` in the language of Mermaid; raises the same."""
        from strongroom.graphs.mermaid import mermaid
        from strongroom.graphs.sketch import sketch

        return mermaid(sketch(self, args, kwargs))

    agenerate_mermaid_graph = async_twin(generate_mermaid_graph)


def _task_runner(given: TaskRunner | type[TaskRunner] | None) -> TaskRunner:
    if given is None:
        return ThreadPoolTaskRunner()
    if isinstance(given, type) and issubclass(given, TaskRunner):
        return given()
    if isinstance(given, TaskRunner):
        return given
    raise InvalidDefinition(f"{given!r:.80} is no task runner.", "Use ThreadPoolTaskRunner(max_workers=…).")


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(fn: None = None, /, **options: Unpack[FlowOptions]) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(fn: Any = None, /, **options: Any) -> Any:
    """Make a flow of a function, synchronous or not, a generator or a method: ``@flow`` or ``@flow(retries=3)``.

    :param name: what people read; the function's name, with dashes, where none is given. Without ``/ % & < >``.
    :param version: kept with each run; the SHA-256 of the file that the function stands in, where none is given.
    :param flow_run_name: a template to fill in with the parameters (``"load-{table}"``), or a function that gives it.
    :param retries: how many times a run that fails is tried again.
    :param retry_delay_seconds: seconds before each retry.
    :param task_runner: what carries out submitted tasks: ``ThreadPoolTaskRunner(max_workers=4)``.
    :param description: what it does; the docstring where none is given.
    :param timeout_seconds: how long each attempt may take; then it fails as ``TimedOut``.
    :param validate_parameters: whether arguments are converted and checked as their annotations say.
    :param persist_result: whether results, also of the tasks inside that do not say so, are stored.
    :param result_storage: a block that stores objects, its reference, or a folder.
    :param result_serializer: ``"pickle"``, ``"json"``, ``"compressed/pickle"``, ``"compressed/json"``, or one of yours.
    :param cache_result_in_memory: whether the state holds the result; where not, it is read when it is asked for.
    :param durable: what ``durable`` of the tasks and flows inside is that do not say so (:func:`strongroom.task`).
    :param log_prints: whether what it, and the tasks inside that do not say so, print becomes lines of their logs.
    :param on_completion: functions of flow, run and state that are called when a run completes; likewise
        ``on_failure``, ``on_running``, ``on_crashed`` and ``on_cancellation``.
    """
    if fn is None:
        return lambda function: Flow(function, **options)
    return Flow(fn, **options)


flow.from_source = Flow.from_source  # type: ignore[attr-defined]
flow.afrom_source = Flow.afrom_source  # type: ignore[attr-defined]


def __getattr__(name: str) -> Any:
    homes = {"serve": "runner.serving", "aserve": "runner.serving", "load_flow_from_entrypoint": "entrypoints"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"strongroom.{homes[name]}"), name)
