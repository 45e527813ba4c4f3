from prefect import flow, task


class Pipeline:
    def __init__(self, n):
        self.n = n

    @task
    def step(self, x):
        return x + self.n

    @flow
    def run(self, x=1):
        return self.step(x) + self.step.submit(10).result()

    @classmethod
    @flow
    def build(cls, n):
        return cls(n).run(2)

    @flow
    @staticmethod
    def stat(x):
        return x * 2

    @staticmethod
    @task
    def ts(x):
        return x * 3

    @task
    @classmethod
    def tc(cls, x):
        return cls.__name__, x

    @flow
    def mapped(self):
        return self.step.map([1, 2, 3]).result()

    @flow
    async def arun(self):
        return self.step(1)


p = Pipeline(5)
print(p.run(), Pipeline.build(7), Pipeline.stat(3), Pipeline.ts(2), Pipeline.tc(1), p.mapped())
import asyncio

print(asyncio.run(p.arun()))


class Callable_:
    def __call__(self, x):
        return x + 1


try:
    t = task(Callable_())
    print(t(1))
except Exception as e:
    print(type(e).__name__)
print(Pipeline.run.name, p.run.name, Pipeline.step.name)
