"""Deployments as code makes them, before and while they are kept in the ledger.

Names and parameters are those that Prefect 3 documents under "Deployments".
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack
from uuid import UUID

from strongroom_blocks.twins import async_twin

from strongroom.deployments import history, planning, store
from strongroom.deployments.given_schedules import GivenInterval, GivenSchedule, given_schedules
from strongroom.deployments.limits import ConcurrencyLimitConfig, slots_of
from strongroom.deployments.pools import checked_pool
from strongroom.deployments.records import DEFAULT_QUEUE, Definition, Sealed
from strongroom.errors import InvalidDeployment
from strongroom.types.entrypoint import EntrypointType as EntrypointType

if TYPE_CHECKING:
    from strongroom.flows import Flow
    from strongroom.runner.storage import Source
    from strongroom.schedules import Schedule

_REFUSED = frozenset("/%&<>")
_VARIABLES = ("env", "working_dir", "stream_output")


class DeploymentOptions(TypedDict, total=False):
    """What ``to_deployment``, ``serve`` and ``deploy`` take alike; :meth:`RunnerDeployment.from_flow` says what for."""

    interval: Iterable[GivenInterval] | GivenInterval | None
    cron: Iterable[str] | str | None
    rrule: Iterable[str] | str | None
    schedule: GivenSchedule | None
    schedules: Sequence[GivenSchedule] | None
    paused: bool | None
    concurrency_limit: int | ConcurrencyLimitConfig | None
    triggers: Sequence[Any] | None
    parameters: dict[str, Any] | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    enforce_parameter_schema: bool
    work_pool_name: str | None
    work_queue_name: str | None
    job_variables: dict[str, Any] | None
    entrypoint_type: EntrypointType


@dataclass
class RunnerDeployment:
    """A deployment: a flow, and when and how it runs by itself. :meth:`apply` keeps it in the ledger.

    ``entrypoint`` is where the flow is found, in the folder ``path`` or in what ``storage`` brings.
    """

    name: str
    flow_name: str
    entrypoint: str
    path: str
    storage: Source | None = None
    schedules: list[Schedule] = field(default_factory=list)
    paused: bool | None = None
    concurrency_limit: int | ConcurrencyLimitConfig | None = None
    parameters: dict[str, Any] = field(default_factory=dict, repr=False)
    description: str | None = None
    tags: list[str] = field(default_factory=list)
    version: str | None = None
    enforce_parameter_schema: bool = True
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: dict[str, Any] = field(default_factory=dict, repr=False)
    parameter_schema: dict[str, Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.name or (refused := sorted(_REFUSED.intersection(self.name))):
            what = f"has a {refused[0]!r}" if self.name else "is empty"
            raise InvalidDeployment(f"The deployment's name {self.name!r:.80} {what}.", "Leave out / % & < and >.")
        slots_of(self.concurrency_limit)
        check_variables(self.job_variables)
        if self.enforce_parameter_schema:
            check_parameters(self.full_name, self.parameter_schema, self.parameters, complete=False)

    @property
    def full_name(self) -> str:
        """``flow/deployment``."""
        return f"{self.flow_name}/{self.name}"

    @classmethod
    def from_flow(cls, flow: Flow[..., Any], name: str, **options: Unpack[DeploymentOptions]) -> Self:
        """A deployment of a flow.

        :param name: its name among the deployments of the flow.
        :param interval: the time between runs, in seconds or as a ``timedelta``; like ``cron`` and ``rrule`` one or
            several, each of which becomes a schedule.
        :param schedule: a schedule with options of its own, see :mod:`strongroom.schedules`; ``schedules`` are several.
        :param paused: whether schedules make runs yet.
        :param concurrency_limit: how many runs go on at once, in all processes together.
        :param parameters: what the flow is called with, where a run says nothing else.
        :param description: what people read; that of the flow where none is given.
        :param tags: given to each run.
        :param version: the flow's where none is given.
        :param enforce_parameter_schema: whether parameters are checked when a run is wanted, and not only when it runs.
        :param work_pool_name: the pool whose workers carry out the runs, where it is not the serving process.
        :param work_queue_name: a part of that pool that workers can ask for.
        :param job_variables: ``env`` (variables of the run's process), ``working_dir``, ``stream_output`` (whether
            what it writes is shown by the process that starts it).
        :param entrypoint_type: whether the flow is found by its file, or by its module.
        :raises InvalidDeployment: something of this cannot be.
        """
        source, entrypoint = flow.origin or (None, None)
        if entrypoint is None:
            entrypoint = _entrypoint(flow, options.get("entrypoint_type", EntrypointType.FILE_PATH))
        has_rest = flow.signature.rest is not None
        schema = None if has_rest else flow.parameters.model_dump()
        return cls._from_options(
            name, flow.name, entrypoint, source, options, flow.description, flow.version, schema, Path.cwd()
        )

    @classmethod
    def from_entrypoint(
        cls, entrypoint: str, name: str, flow_name: str | None = None, **options: Unpack[DeploymentOptions]
    ) -> Self:
        """A deployment of the flow that ``path.py:function`` or ``module:function`` names; see :meth:`from_flow`."""
        from strongroom.entrypoints import load_flow

        flow = load_flow(entrypoint)
        made = cls.from_flow(flow, name, **options)
        made.flow_name = flow_name or made.flow_name
        return made

    @classmethod
    def from_storage(
        cls,
        storage: Any,
        entrypoint: str,
        name: str,
        flow_name: str | None = None,
        **options: Unpack[DeploymentOptions],
    ) -> Self:
        """A deployment of a flow in a git repository or a local folder; see :meth:`from_flow`."""
        from strongroom.flows import Flow

        made = cls.from_flow(Flow.from_source(storage, entrypoint), name, **options)
        made.flow_name = flow_name or made.flow_name
        return made

    @classmethod
    def _from_options(
        cls,
        name: str,
        flow_name: str,
        entrypoint: str,
        source: Source | None,
        options: DeploymentOptions,
        description: str | None,
        version: str | None,
        schema: dict[str, Any] | None,
        folder: Path,
    ) -> Self:
        if unknown := sorted(options.keys() - DeploymentOptions.__annotations__.keys()):
            raise InvalidDeployment(
                f"A deployment has no option {unknown[0]!r}.", f"It has {', '.join(DeploymentOptions.__annotations__)}."
            )
        if options.get("triggers"):
            raise InvalidDeployment(
                "A deployment has no triggers: nothing acts on events.",
                "Call run_deployment(…) at the end of the flow that comes before, or in a hook of it.",
            )
        whens = ("interval", "cron", "rrule", "schedule", "schedules")
        tags = options.get("tags") or ()
        return cls(
            name,
            flow_name,
            entrypoint,
            str(folder),
            source,
            given_schedules(**{when: options.get(when) for when in whens}),  # type: ignore[arg-type]
            options.get("paused"),
            options.get("concurrency_limit"),
            dict(options.get("parameters") or {}),
            options.get("description") or description,
            [tags] if isinstance(tags, str) else list(tags),
            options.get("version") or version,
            options.get("enforce_parameter_schema", True),
            options.get("work_pool_name"),
            options.get("work_queue_name"),
            dict(options.get("job_variables") or {}),
            schema,
        )

    def apply(self, work_pool_name: str | None = None, image: str | None = None) -> UUID:
        """Keep the deployment in the ledger, over the one of this name, and plan its first runs; gives its id.

        Schedules that it had and that are the same go on where they are. Raises UnknownWorkPool for a pool that there
        is not, and InvalidDeployment for an ``image``, since runs happen in processes.
        """
        from strongroom_blocks.redaction import redactor

        from strongroom.clock import now
        from strongroom.ledger import current_ledger
        from strongroom.results.sealed_values import seal_value
        from strongroom.shown import shown

        refuse_image(image)
        pool = work_pool_name or self.work_pool_name
        slots, cancels_new = slots_of(self.concurrency_limit)
        definition = Definition(
            self.entrypoint,
            self.path,
            "" if self.storage is None else str(self.storage),
            self.version,
            self.description and redactor.redact(self.description),
            tuple(redactor.redact(tag) for tag in self.tags),
            shown(self.parameters),
            self.parameter_schema,
            self.enforce_parameter_schema,
        )
        kept = Sealed(self.parameters, self.storage, self.job_variables, (self.entrypoint, self.path))
        sealed = seal_value(kept, store.sealed_place(self.flow_name, self.name))
        with current_ledger().changing() as session:
            if pool is not None:
                checked_pool(session, pool)
            id_ = store.save(
                session, self.flow_name, self.name, definition, sealed,
                pool=pool, queue=self.work_queue_name or DEFAULT_QUEUE, slots=slots, cancels_new=cancels_new,
                paused=self.paused,
            )  # fmt: skip
            removed = store.save_schedules(session, id_, self.schedules)
            planned = planning.plan(session, store.listed(session, ids=[id_]), now())
        history.note_removed(removed)
        history.note_planned(planned)
        return id_

    aapply = async_twin(apply)

    def __await__(self) -> Generator[Any, None, Self]:
        """Scripts that ``await flow.to_deployment(…)`` get it too."""
        return self
        yield


def refuse_image(image: Any) -> None:
    """Raises :class:`~strongroom.errors.InvalidDeployment` where an image is given."""
    if image is not None:
        raise InvalidDeployment(
            "Runs do not happen in images: work pools are of the type process.",
            "Leave out image, and start workers inside of your own containers: strongroom worker start --pool …",
        )


def check_variables(job_variables: Mapping[str, Any]) -> None:
    """Raises :class:`~strongroom.errors.InvalidDeployment` for variables that the processes of runs do not have."""
    if unknown := sorted(job_variables.keys() - set(_VARIABLES)):
        raise InvalidDeployment(
            f"There is no job variable {unknown[0]!r:.80} for runs in processes.", f"Use {', '.join(_VARIABLES)}."
        )
    if not isinstance(job_variables.get("env", {}), Mapping):
        raise InvalidDeployment("The job variable env is no mapping.", 'Write {"env": {"NAME": "value"}}.')


def check_parameters(
    name: str, schema: dict[str, Any] | None, parameters: Mapping[str, Any], *, complete: bool = True
) -> None:
    """Raises :class:`~strongroom.errors.InvalidDeployment` where parameters are unknown, or, ``complete``, missing."""
    if schema is None:
        return
    known = schema.get("properties", {})
    if unknown := sorted(parameters.keys() - known.keys()):
        raise InvalidDeployment(
            f"The flow of {name} has no parameter {unknown[0]!r:.80}.", f"It has {', '.join(known) or 'none'}."
        )
    if complete and (missing := sorted(set(schema.get("required", ())) - parameters.keys())):
        raise InvalidDeployment(f"{name} needs the parameter {missing[0]!r}.", "Give it: parameters={…}.")


def _entrypoint(flow: Flow[..., Any], kind: EntrypointType) -> str:
    found = flow.entrypoint
    if found is None:
        raise InvalidDeployment(
            f"The flow {flow.name!r} stands in no file, or inside of a function, so that no other process finds it.",
            "Define it at the top level of a file.",
        )
    if EntrypointType(kind) is EntrypointType.MODULE_PATH:
        module = flow.fn.__module__
        if module == "__main__":
            raise InvalidDeployment(f"The flow {flow.name!r} is in no module, but in a script.", "Name it by its file.")
        return f"{module}:{flow.fn.__qualname__}"
    return found


def deploy(
    *deployments: RunnerDeployment,
    work_pool_name: str | None = None,
    image: Any = None,
    build: bool = True,
    push: bool = True,
    print_next_steps_message: bool = True,
    ignore_warnings: bool = False,
) -> list[UUID]:
    """Keep deployments for the workers of a pool; gives their ids.

    ``image`` is refused, and ``build``, ``push`` and ``ignore_warnings`` speak of images alone.
    """
    refuse_image(image)
    for deployment in deployments:
        if (work_pool_name or deployment.work_pool_name) is None:
            raise InvalidDeployment(
                f"No work pool is named for {deployment.full_name}.", 'Give work_pool_name="…", or use serve().'
            )
    ids = [deployment.apply(work_pool_name) for deployment in deployments]
    if print_next_steps_message and ids:
        print(next_steps(work_pool_name or str(deployments[0].work_pool_name), deployments[0].full_name))
    return ids


async def adeploy(*deployments: RunnerDeployment, **options: Any) -> list[UUID]:
    """The asynchronous twin of :func:`deploy`."""
    import asyncio

    return await asyncio.to_thread(deploy, *deployments, **options)


def next_steps(pool: str, name: str) -> str:
    """What to do after a deployment was made."""
    return (
        f"Deployed {name}.\n"
        f"Carry out its runs:  strongroom worker start --pool {pool}\n"
        f"Run it now:          strongroom deployment run '{name}'"
    )
