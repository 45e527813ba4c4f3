import contextvars, threading
from prefect import flow, task, tags
from prefect.context import TagsContext, FlowRunContext, tags as ctags

var = contextvars.ContextVar("v", default="none")


@task
def read():
    return var.get()


@flow
def f():
    var.set("flow")
    return read(), read.submit().result(), read.map.__name__


print(f(), var.get())


@task(tags=["x"])
def tagged():
    from prefect.runtime import task_run

    return sorted(task_run.tags)


@flow
def g():
    with tags("a"):
        with tags("b"):
            one = tagged.submit()
        two = tagged()
    return one.result(), two, tagged.with_options(tags=["y"])(), tagged.map.__name__


print(g())
with tags("p") as current:
    print(sorted(current))
print(sorted(TagsContext.get().current_tags))
