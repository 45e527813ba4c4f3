"""Processes: the contract, and what happens when they die, hang, or are never reached."""

from __future__ import annotations

import pytest
from strongroom.task_runners import ProcessPoolTaskRunner, TaskRunner
from strongroom.testing import TaskRunnerContract


class TestProcesses(TaskRunnerContract):
    @pytest.fixture
    def runner(self) -> TaskRunner:
        return ProcessPoolTaskRunner(max_workers=2)
