"""``serve``: deployments, and the process that runs them."""

from __future__ import annotations

import asyncio

from strongroom.deployments.runner import RunnerDeployment
from strongroom.errors import InvalidDeployment
from strongroom.runner.execution import is_executing
from strongroom.runner.runner import LOOK_SECONDS, Runner


def serve(
    *deployments: RunnerDeployment,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
    name: str | None = None,
    query_seconds: float = LOOK_SECONDS,
) -> None:
    """Keep these deployments in the ledger, and run them from this process, until Ctrl-C or SIGTERM.

    :param pause_on_shutdown: whether their schedules are paused then, unless another process serves them too.
    :param print_starting_message: whether it is said how a run is asked for.
    :param limit: how many runs go on at once here; any number where it is None.
    :param name: what people read of the process.
    :param query_seconds: how often it looks for runs that others asked for.

    In the process of a run, which loads the file that calls it, nothing happens.
    """
    runner = _runner(deployments, pause_on_shutdown, print_starting_message, limit, name, query_seconds)
    if runner is not None:
        runner.start()


async def aserve(
    *deployments: RunnerDeployment,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
    name: str | None = None,
    query_seconds: float = LOOK_SECONDS,
) -> None:
    """Like :func:`serve`, beside other asynchronous code; ends when it is cancelled, as Ctrl-C does."""
    runner = await asyncio.to_thread(
        _runner, deployments, pause_on_shutdown, print_starting_message, limit, name, query_seconds
    )
    if runner is not None:
        await runner.astart()


def _runner(
    deployments: tuple[RunnerDeployment, ...],
    pause_on_shutdown: bool,
    says: bool,
    limit: int | None,
    name: str | None,
    query_seconds: float,
) -> Runner | None:
    if is_executing():
        return None
    if not deployments:
        raise InvalidDeployment("There is no deployment to serve.", 'Give some: my_flow.to_deployment(name="…").')
    runner = Runner(name, pause_on_shutdown, limit, query_seconds)
    for deployment in deployments:
        if deployment.work_pool_name is not None:
            raise InvalidDeployment(
                f"{deployment.full_name} is for the work pool {deployment.work_pool_name!r}.",
                "Use deploy() and a worker, or leave out work_pool_name.",
            )
        deployment.paused = bool(deployment.paused)
        runner.add_deployment(deployment)
    if says:
        print(_message([deployment.full_name for deployment in deployments]), flush=True)
    return runner


def _message(names: list[str]) -> str:
    lines = [f"Serving {', '.join(names)}. Ctrl-C ends it.", "Run one now:"]
    return "\n".join([*lines, *(f"  strongroom deployment run '{name}'" for name in names)])
