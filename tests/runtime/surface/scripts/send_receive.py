import asyncio
from prefect import flow, get_client
from prefect.input import RunInput
from prefect.input.run_input import receive_input, send_input


class Msg(RunInput):
    text: str
    n: int = 1


ids = {}


@flow
async def greeter():
    from prefect.runtime import flow_run

    ids["g"] = flow_run.id
    out = []
    async for name in receive_input(str, timeout=20, poll_interval=0.2):
        if name == "quit":
            break
        out.append(f"Hello {name}")
    async for m in Msg.receive(timeout=20, poll_interval=0.2):
        out.append((m.text, m.n))
        await m.respond(f"got {m.text}")
        break
    return out


@flow
async def sender():
    from prefect.runtime import flow_run

    while "g" not in ids:
        await asyncio.sleep(0.05)
    for n in ("ann", "bob", "quit"):
        await send_input(n, flow_run_id=ids["g"])
    await Msg(text="yo").send_to(flow_run_id=ids["g"])
    async for r in receive_input(str, timeout=20, poll_interval=0.2, with_metadata=True):
        return r.value


async def main():
    print(await asyncio.gather(greeter(), sender()))


asyncio.run(main())
