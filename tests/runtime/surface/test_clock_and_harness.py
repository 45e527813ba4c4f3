"""A Strongroom of a test's own, with a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
import strongroom_registry
from strongroom import Secret, flow, task
from strongroom.cache_policies import INPUTS
from strongroom.client.schemas.objects import FlowRun
from strongroom.clock import now
from strongroom.journal import current_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger import current_ledger
from strongroom.states import Completed
from strongroom.testing import (
    FixedClock,
    StrongroomForTests,
    strongroom_for_tests,
    strongroom_test_harness,
    using_clock,
)
from strongroom.testing.utilities import prefect_test_harness
from strongroom.variables import Variable

DAY = datetime(2026, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def strongroom() -> Iterator[StrongroomForTests]:
    with strongroom_for_tests(DAY) as strongroom:
        yield strongroom


def test_a_fixture_has_everything_in_memory_and_its_own_time(strongroom: StrongroomForTests) -> None:
    assert current_journal() is strongroom.journal
    assert current_ledger() is strongroom.ledger
    assert strongroom_registry.current() is strongroom.registry
    flow(lambda: strongroom.clock.advance(minutes=30), name="f")()  # type: ignore[call-overload]
    [run] = strongroom.journal.flow_runs()
    assert (run.start_time, run.end_time) == (DAY, DAY + timedelta(minutes=30))
    assert run.total_run_time == timedelta(minutes=30)


def test_cached_results_expire_by_the_clock(strongroom: StrongroomForTests) -> None:
    calls: list[int] = []
    cached = task(cache_policy=INPUTS, cache_expiration=timedelta(hours=1))(lambda x: calls.append(x))
    cached(1)
    strongroom.clock.advance(timedelta(minutes=59))
    assert cached(1, return_state=True).name == "Cached"
    strongroom.clock.advance(minutes=2)
    assert cached(1, return_state=True).name == "Completed"
    assert calls == [1, 1]


def test_every_thread_reads_the_clock() -> None:
    seen: list[datetime] = []
    clock = FixedClock(DAY)
    with using_clock(clock), using_clock(lambda: clock().replace(year=2030)):
        thread = threading.Thread(target=lambda: seen.append(now()))
        thread.start()
        thread.join()
    assert seen == [DAY.replace(year=2030)]
    assert now() > DAY.replace(year=2026, month=1)
    with pytest.raises(ValueError, match="no zone"):
        FixedClock(datetime(2026, 1, 1))


def test_one_harness_inside_another_leaves_the_outer_one_as_it_was(journal: MemoryJournal) -> None:
    Secret(value="for the test").save("outer")
    Variable.set("where", "outside")
    with prefect_test_harness(server_startup_timeout=60) as inner:
        assert current_journal() is inner
        assert [document.name for document in strongroom_registry.current().list()] == []
        assert Variable.get("where") is None
        with strongroom_test_harness(at=DAY):
            assert now() == DAY
    assert current_journal() is journal
    assert Secret.load("outer").get() == "for the test"
    assert Variable.get("where") == "outside"


def test_a_deployment_that_a_flow_runs_is_pretended() -> None:
    @flow
    def main() -> bool:
        from strongroom.deployments import run_deployment

        return run_deployment("data-pipeline/daily").state.is_completed()  # type: ignore[union-attr]

    pretended = FlowRun.model_construct(state=Completed(), flow_name="data-pipeline")
    with patch("strongroom.deployments.run_deployment", return_value=pretended):
        assert main()
    assert FlowRun.model_construct().state.is_pending()
