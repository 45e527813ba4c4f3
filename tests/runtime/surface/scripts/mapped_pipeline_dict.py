from prefect import flow, task, unmapped


@task
def list_files():
    return ["a.csv", "b.csv"]


@task
def read(path, opts, *, sep=","):
    return f"{path}{sep}{opts['enc']}"


@task
def pair(a, b):
    return (a, b)


@task
def merge(xs):
    return "+".join(map(str, xs))


@flow
def f():
    files = list_files.submit()
    r = read.map(files, unmapped({"enc": "utf8"}), sep=unmapped("|"))
    p = pair.map(r, list_files())
    q = pair.map(a=files, b=files)
    return merge(r), merge.submit(p).result(), q.result(), merge([r[0], r[1]])


for x in f():
    print(x)


@flow
def nested_map():
    groups = [[1, 2], [3]]
    return [double.map(g).result() for g in groups]


@task
def double(x):
    return x * 2


print(nested_map())


@flow
def map_of_states():
    s = [double(1, return_state=True), double(2, return_state=True)]
    return double.map(s).result()


print(map_of_states())
