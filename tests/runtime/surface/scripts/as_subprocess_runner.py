import asyncio
from prefect import flow, task, get_run_logger
from prefect.context import FlowRunContext
from prefect.utilities.asyncutils import run_coro_as_sync
import concurrent.futures as cf
from prefect.context import with_context


@task
def t(x):
    return x + 1


@flow
def f():
    with cf.ThreadPoolExecutor(2) as ex:
        r = list(ex.map(with_context(lambda x: (FlowRunContext.get() is not None, t(x))[1]), [1, 2]))
    return r


print(f())


async def co():
    return 4


print(run_coro_as_sync(co()))
