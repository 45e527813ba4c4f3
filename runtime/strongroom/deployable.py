"""What makes a flow run by itself: ``serve``, ``deploy``, ``to_deployment``, ``from_source``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack
from uuid import UUID

from strongroom_blocks.twins import async_twin

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.deployments.limits import ConcurrencyLimitConfig
    from strongroom.deployments.runner import DeploymentOptions, RunnerDeployment
    from strongroom.flows import Flow
    from strongroom.runner.storage import Source


class Deployable:
    """The part of a flow that makes deployments of it."""

    origin: tuple[Source, str] | None = None
    """Where a flow that was loaded from a source comes from, and its entrypoint there."""

    def to_deployment(self: Any, name: str, **options: Unpack[DeploymentOptions]) -> RunnerDeployment:
        """A deployment of this flow, for ``serve`` and ``deploy``.

        :class:`~strongroom.deployments.RunnerDeployment` says what the options mean.
        """
        from strongroom.deployments.runner import RunnerDeployment

        return RunnerDeployment.from_flow(self, name, **options)

    ato_deployment = async_twin(to_deployment)

    def serve(
        self: Any,
        name: str | None = None,
        *,
        global_limit: int | ConcurrencyLimitConfig | None = None,
        limit: int | None = None,
        pause_on_shutdown: bool = True,
        print_starting_message: bool = True,
        webserver: bool = False,
        **options: Unpack[DeploymentOptions],
    ) -> None:
        """Make a deployment of this flow, and run it from this process, until Ctrl-C or SIGTERM.

        :param name: the deployment's name; the flow's where none is given. Of a path, the file's name.
        :param global_limit: how many runs go on at once, in all processes that serve the deployment.
        :param limit: how many runs go on at once in this process.
        :param pause_on_shutdown: whether the schedules are paused at the end, unless another process serves them too.
        :param print_starting_message: whether it is said how a run is asked for.
        :param webserver: there is none to start; raises where it is set.

        The other options are those of :meth:`to_deployment`.
        """
        from strongroom.runner.serving import serve

        if (made := _served(self, name, global_limit, webserver, options)) is not None:
            serve(
                made,
                pause_on_shutdown=pause_on_shutdown,
                print_starting_message=print_starting_message,
                limit=limit,
            )

    async def aserve(
        self: Any,
        name: str | None = None,
        *,
        global_limit: int | ConcurrencyLimitConfig | None = None,
        limit: int | None = None,
        pause_on_shutdown: bool = True,
        print_starting_message: bool = True,
        webserver: bool = False,
        **options: Unpack[DeploymentOptions],
    ) -> None:
        """Like :meth:`serve`, beside other asynchronous code."""
        from strongroom.runner.serving import aserve

        if (made := _served(self, name, global_limit, webserver, options)) is not None:
            await aserve(
                made,
                pause_on_shutdown=pause_on_shutdown,
                print_starting_message=print_starting_message,
                limit=limit,
            )

    def deploy(self: Any, name: str, *args: Any, **options: Any) -> Any:
        """Make a deployment of this flow for the workers of a pool; gives its id. Awaited in asynchronous code.

        :param work_pool_name: the pool.
        :param image: refused, since runs happen in processes; ``build``, ``push`` and ``ignore_warnings`` speak of
            images alone.
        :param print_next_steps: whether it is said how a worker is started, and a run asked for.

        The other options are those of :meth:`to_deployment`.
        """
        from strongroom.colours import dual

        return dual(self._deploy)(name, *args, **options)

    async def adeploy(self: Any, name: str, *args: Any, **options: Any) -> UUID:
        """The asynchronous twin of :meth:`deploy`."""
        import asyncio

        id_: UUID = await asyncio.to_thread(self._deploy, name, *args, **options)
        return id_

    def _deploy(
        self: Any,
        name: str,
        work_pool_name: str | None = None,
        image: Any = None,
        build: bool = True,
        push: bool = True,
        *,
        print_next_steps: bool = True,
        ignore_warnings: bool = False,
        **options: Any,
    ) -> UUID:
        from strongroom.deployments.runner import deploy

        made = self.to_deployment(name, **{**options, "work_pool_name": work_pool_name})
        [id_] = deploy(
            made, image=image, build=build, push=push, print_next_steps_message=print_next_steps,
            ignore_warnings=ignore_warnings,
        )  # fmt: skip
        return id_

    @classmethod
    def from_source(cls, source: str | Path | Source, entrypoint: str) -> Any:
        """The flow that stands in a local folder or a git repository, at ``path.py:function`` inside of it.

        ``serve`` and ``deploy`` of it bring the code anew for each run. Awaited in asynchronous code. Raises
        :class:`~strongroom.errors.SourceUnavailable` where there is no code, UnknownFlow where there is no such flow.
        """
        from strongroom.colours import dual

        return dual(_from_source)(source, entrypoint)

    @classmethod
    async def afrom_source(cls, source: str | Path | Source, entrypoint: str) -> Flow[..., Any]:
        """The asynchronous twin of :meth:`from_source`."""
        import asyncio

        return await asyncio.to_thread(_from_source, source, entrypoint)


_pulled: list[Any] = []


def _from_source(source: str | Path | Source, entrypoint: str) -> Flow[..., Any]:
    import copy
    import sys
    import tempfile
    from pathlib import Path

    from strongroom.entrypoints import load_flow
    from strongroom.runner.storage import source_of

    origin = source_of(source)
    place = tempfile.TemporaryDirectory(prefix="strongroom-source-")
    _pulled.append(place)  # the code stays as long as the process does
    folder = origin.pull_code(Path(place.name))
    if ".py" in entrypoint:
        loaded = load_flow(f"{folder}/{entrypoint}")
    else:
        sys.path.insert(0, str(folder))
        entrypoint = entrypoint if ":" in entrypoint else ":".join(entrypoint.rsplit(".", 1))
        loaded = load_flow(entrypoint)
    flow = copy.copy(loaded)
    flow.origin = (origin, entrypoint)
    return flow


def _served(
    flow: Any, name: str | None, global_limit: Any, webserver: bool, options: DeploymentOptions
) -> RunnerDeployment | None:
    from pathlib import Path

    from strongroom.errors import InvalidDeployment
    from strongroom.runner.execution import is_executing

    if is_executing():
        return None
    if webserver:
        raise InvalidDeployment(
            "There is no web server in a process that serves.", "Watch it by: strongroom deployment ls --json"
        )
    if global_limit is not None:
        options = {**options, "concurrency_limit": global_limit}
    named = name or flow.name
    made: RunnerDeployment = flow.to_deployment(Path(named).stem if Path(named).is_file() else named, **options)
    return made
