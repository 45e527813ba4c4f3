from prefect import flow, task, unmapped
from prefect.exceptions import MappingLengthMismatch, MappingMissingIterable


@task
def add(x, y):
    return x + y


@flow
def bad_lengths():
    add.map([1, 2], [1, 2, 3])


@flow
def nothing_iterable():
    add.map(unmapped(1), unmapped(2))


@flow
def scalars():
    return add.map([1, 2, 3], 10).result()


for f in (bad_lengths, nothing_iterable):
    try:
        f()
    except (MappingLengthMismatch, MappingMissingIterable) as e:
        print(type(e).__name__)
print(scalars())


@flow
def strings():
    return add.map(["a", "b"], "z").result()


print(strings())


@flow
def gens():
    return add.map((i for i in range(3)), 1).result(), add.map({1: "a"}.keys(), 1).result()


try:
    print(gens())
except Exception as e:
    print(type(e).__name__)
