from prefect import flow, task
import asyncio


@task
def numbers(n):
    for i in range(n):
        yield i


@task
async def anumbers(n):
    for i in range(n):
        yield i * 100


@flow
def total():
    s = 0
    for x in numbers(4):
        s += x
    return s


@flow
def streaming():
    yield from numbers(3)
    yield "end"


@flow
async def astream():
    async for x in anumbers(3):
        yield x


print(total())
print(list(streaming()))


async def main():
    return [x async for x in astream()]


print(asyncio.run(main()))


@flow
def f2():
    fut = numbers.submit(3)
    return fut.result()


print(f2())


@task
def failing_gen():
    yield 1
    raise ValueError("mid")


@flow
def f3():
    got = []
    try:
        for x in failing_gen():
            got.append(x)
    except ValueError as e:
        got.append(str(e))
    return got


print(f3())
