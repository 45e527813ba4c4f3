import asyncio, random
from prefect import flow, task, get_run_logger
from prefect.concurrency.asyncio import concurrency
from prefect.artifacts import create_markdown_artifact, acreate_markdown_artifact
from prefect.variables import Variable
from prefect.blocks.system import Secret

sem = asyncio.Semaphore(2)


@task(retries=2, retry_delay_seconds=0.01)
async def fetch(url, seen=[]):
    async with sem:
        await asyncio.sleep(0.01)
        seen.append(url)
        if seen.count(url) < 2 and url.endswith("2"):
            raise ConnectionError(url)
        return {"url": url, "n": len(url)}


@task
async def save(x):
    return f"saved {x['url']}"


@flow
async def region(name):
    pages = await asyncio.gather(*[fetch(f"{name}/{i}") for i in range(3)])
    return [await save(p) for p in pages]


@flow
async def main():
    out = await asyncio.gather(region("eu"), region("us"))
    await acreate_markdown_artifact(markdown="x", key="async-rep")
    await Secret(value="".join(["a", "b" * 9])).save("asec", overwrite=True)
    s = await Secret.load("asec")
    s2 = await Secret.aload("asec")
    done, pending = await asyncio.wait([asyncio.create_task(fetch("q/1")), asyncio.create_task(fetch("q/3"))])
    first = await asyncio.wait_for(fetch("w/1"), timeout=5)
    try:
        await asyncio.wait_for(asyncio.shield(fetch("w/4")), timeout=0.0001)
    except (asyncio.TimeoutError, TimeoutError):
        out.append("timed out")
    return out, len(s.get()), len(s2.get()), len(done), first["n"]


print(asyncio.run(main()))
