"""What OpenTelemetry is told of runs, by its own SDK."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from strongroom import Secret, flow, task
from strongroom.nodes import report
from strongroom.states import Completed
from strongroom.telemetry import attached, carrier, instrument, uninstrument
from strongroom.telemetry import instrumentation as switch

Spans = Callable[[], dict[str, ReadableSpan]]
_provider = TracerProvider()
_exporter = InMemorySpanExporter()
_provider.add_span_processor(SimpleSpanProcessor(_exporter))
_reader = InMemoryMetricReader()
_meters = MeterProvider([_reader])


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(switch, "_declined", False)
    _exporter.clear()
    instrument(tracer_provider=_provider, meter_provider=_meters)
    yield
    uninstrument()


@pytest.fixture
def spans() -> Spans:
    """The spans that ended, by name; of several of one name, the last."""
    return lambda: {span.name: span for span in _exporter.get_finished_spans()}


def parent(span: ReadableSpan) -> int | None:
    return span.parent and span.parent.span_id


def own(span: ReadableSpan) -> int:
    return span.context.span_id


@task
def double(n: int) -> int:
    with trace.get_tracer("user", tracer_provider=_provider).start_as_current_span("the user's own"):
        return 2 * n


@flow(version="7")
def nightly(n: int = 1) -> Any:
    return double(n)


def test_a_flow_run_and_its_task_runs_are_spans_below_each_other(spans):
    nightly()
    told = spans()
    outer, inner = told["flow nightly"], told["task double"]
    assert parent(outer) is None
    assert parent(inner) == own(outer)
    assert parent(told["the user's own"]) == own(inner)
    assert outer.start_time <= inner.start_time <= inner.end_time <= outer.end_time
    assert outer.status.status_code is trace.StatusCode.OK
    expected = {
        "strongroom.run.kind": "flow",
        "strongroom.flow.name": "nightly",
        "strongroom.flow.version": "7",
        "strongroom.run.state": "Completed",
        "strongroom.run.attempts": 1,
    }
    assert expected.items() <= dict(outer.attributes).items()
    assert inner.attributes["strongroom.flow_run.id"] == outer.attributes["strongroom.flow_run.id"]
    assert inner.attributes["strongroom.task.name"] == "double"


def test_submitted_tasks_and_subflows_know_their_parent_in_any_thread(spans):
    @flow
    def calling():
        double.submit(1).wait()
        nightly(2)

    calling()
    told = spans()
    assert parent(told["flow nightly"]) == own(told["flow calling"])
    submitted = next(span for span in _exporter.get_finished_spans() if span.name == "task double")
    assert parent(submitted) == own(told["flow calling"])
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_asynchronous_runs_do_not_mix_their_spans(spans):
    @task
    async def step(n: int) -> None:
        await asyncio.sleep(0)
        with trace.get_tracer("user", tracer_provider=_provider).start_as_current_span(f"step {n}"):
            await asyncio.sleep(0)

    @flow
    async def both():
        await asyncio.gather(step(1), step(2))

    asyncio.run(both())
    steps = {own(span) for span in _exporter.get_finished_spans() if span.name == "task step"}
    assert {parent(spans()["step 1"]), parent(spans()["step 2"])} == steps
    assert len(steps) == 2


def test_what_a_caller_does_between_items_is_not_the_generators(spans):
    @task
    def items():
        yield 1
        yield 2

    @flow
    def reading():
        for n in items():
            double(n)

    reading()
    assert parent(spans()["task double"]) == own(spans()["flow reading"])


def test_attempts_are_events_and_exceptions_have_no_secrets(spans, canary):
    secret = Secret(value=canary()).get()
    calls: list[int] = []

    @task(retries=1)
    def boom():
        calls.append(1)
        raise ValueError(f"login with {secret}")

    nightly_boom = flow(lambda: boom(), name="bad")
    with pytest.raises(ValueError, match="login"):
        nightly_boom()
    span = spans()["task boom"]
    assert [event.name for event in span.events] == ["Retrying", "exception"]
    last = span.events[-1].attributes
    assert last["exception.type"] == "ValueError"
    assert "login with ***" in last["exception.message"]
    assert secret not in last["exception.stacktrace"]
    assert "boom" in last["exception.stacktrace"]
    assert span.status.status_code is trace.StatusCode.ERROR
    assert secret not in (span.status.description or "")
    assert span.attributes["error.type"] == "ValueError"
    assert span.attributes["strongroom.run.attempts"] == len(calls) == 2


def test_a_run_that_never_began_is_a_span_without_length(spans):
    @task
    def fails():
        raise ValueError("no")

    @flow
    def skipping():
        first = fails.submit()
        double.submit(first).wait()
        return Completed()

    skipping()
    span = spans()["task double"]
    assert span.attributes["strongroom.run.state"] == "NotReady"
    assert span.start_time == span.end_time


def test_nodes_are_spans_too(spans):
    @flow
    def modelling():
        report("stg_orders", key="model.orders", state=Completed())

    modelling()
    assert parent(spans()["node stg_orders"]) == own(spans()["flow modelling"])


def test_a_trace_goes_on_in_another_process(spans):
    with trace.get_tracer("user", tracer_provider=_provider).start_as_current_span("here"):
        carried = carrier()
    assert set(carried) == {"traceparent"}
    with attached(carried):
        nightly()
    assert parent(spans()["flow nightly"]) == own(spans()["here"])
    with attached({}):
        assert carrier() == {}


def test_durations_numbers_and_retries_are_measured():
    @task(retries=2)
    def once_more():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        flow(lambda: once_more(), name="measured")()
    data = _reader.get_metrics_data()
    metrics = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}

    def points(name: str) -> list[Any]:
        found = metrics[name].data.data_points
        return [point for point in found if point.attributes.get("strongroom.task.name") == "once_more"]

    [durations] = points("strongroom.run.duration")
    assert (durations.count, durations.attributes["strongroom.run.state"]) == (1, "Failed")
    assert metrics["strongroom.run.duration"].unit == "s"
    assert [point.value for point in points("strongroom.run.retries")] == [2]
    assert [point.value for point in points("strongroom.run.active")] == [0]


def test_after_uninstrumenting_nothing_is_told(spans):
    uninstrument()
    nightly()
    assert spans().keys() == {"the user's own"}


PROGRAM = """
import sys
{setup}
from strongroom import flow
from strongroom.observation import observers

@flow
def nightly(): ...

nightly()
print(len(observers), "opentelemetry" in sys.modules)
"""
SDK = "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"


@pytest.mark.parametrize(
    ("setup", "environment", "told"),
    [
        ("", {}, "0 False"),
        ("import opentelemetry.trace", {}, "0 True"),
        (f"{SDK}trace.set_tracer_provider(TracerProvider())", {}, "1 True"),
        (f"{SDK}trace.set_tracer_provider(TracerProvider())", {"STRONGROOM_TELEMETRY": "false"}, "0 True"),
    ],
)
def test_a_program_that_set_opentelemetry_up_need_say_no_more(monkeypatch, setup, environment, told):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    program = [sys.executable, "-c", PROGRAM.format(setup=setup)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told


REMOTE = """
import os
from opentelemetry import trace
from strongroom import flow, task
from strongroom.task_runners import ProcessPoolTaskRunner

@task(retries=1)
def inner(seen=[]):
    seen.append(1)
    if len(seen) == 1:
        raise ValueError("not yet")

@task
def far():
    inner()
    here = trace.get_current_span().get_span_context()
    return os.getpid(), here.trace_id, here.span_id

@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def remote():
    return far.submit().result()
"""


def test_what_a_worker_carries_out_is_told_by_the_flows_process(spans, tmp_path, monkeypatch):
    (tmp_path / "remote_traced.py").write_text(REMOTE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    from remote_traced import remote  # type: ignore[import-not-found]

    pid, trace_id, span_id = remote()
    told = spans()
    far = told["task far"]
    assert pid != os.getpid()
    assert (far.context.trace_id, own(far)) == (trace_id, span_id)
    assert parent(far) == own(told["flow remote"])
    assert parent(told["task inner"]) == own(far)
    assert [event.name for event in told["task inner"].events] == ["Retrying"]
    assert sorted(span.name for span in _exporter.get_finished_spans()) == ["flow remote", "task far", "task inner"]
