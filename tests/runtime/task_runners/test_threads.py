"""The contract of task runners, on threads; what is special about them is in tests/runtime/engine."""

from __future__ import annotations

import pytest
from strongroom.task_runners import TaskRunner, ThreadPoolTaskRunner
from strongroom.testing import TaskRunnerContract


class TestThreads(TaskRunnerContract):
    isolated = False

    @pytest.fixture
    def runner(self) -> TaskRunner:
        return ThreadPoolTaskRunner(max_workers=3)
