"""Processes: for tasks that compute, and for those that may take their process down with them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from strongroom.errors import CrashedRun, InvalidDefinition
from strongroom.states import State
from strongroom.task_runners import travel
from strongroom.task_runners.jobs import NOT_OPEN, Job, QueueingTaskRunner
from strongroom.task_runners.messages import Line, Message, Refused
from strongroom.task_runners.process import WorkerProcess
from strongroom.task_runners.remote_run import RemoteRun
from strongroom.task_runners.seats import Seats, checked_limit, configured_limit

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall

Processor = Callable[[str, Any], tuple[str, Any] | None]
ProcessorFactory = Callable[[], Processor]


class ProcessPoolTaskRunner(QueueingTaskRunner):
    """Carries out at most ``max_workers`` tasks at a time, each in a process of its own, which then takes the next one.

    A process is a fresh interpreter that inherits nothing but the environment: inputs and results travel as pickles,
    saved blocks as references. A task that takes its process down (``os._exit``, a signal, a fault in native code) is
    Crashed, and it alone; it is not tried again, for ``retries`` are for tasks that fail. Its place gets a new process.
    Tasks that a task submits run in threads of its process.

    :param max_workers: the setting ``STRONGROOM_TASK_RUNNER_MAX_WORKERS``, or one a core, where it is not given.
    :param subprocess_message_processor_factories: functions that each make a function of a message's type (``"log"``)
        and payload (the attributes of a log record) that gives them back, changed or not, or None to drop the message.
    :param initializer: called in each process before its first task, with ``initargs``.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        subprocess_message_processor_factories: Iterable[ProcessorFactory] | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        super().__init__()
        self.max_workers = checked_limit(max_workers)
        self.initializer, self.initargs = initializer, tuple(initargs)
        if initializer is not None and not callable(initializer):
            raise InvalidDefinition(f"The initializer {initializer!r:.80} is no function.", "Give a function.")
        self._factories = tuple(subprocess_message_processor_factories or ())
        self._processors: list[Processor] = []
        self._seats: Seats | None = None
        self._own = threading.local()
        self._processes: set[WorkerProcess] = set()
        self._start = b""

    def __reduce__(self) -> tuple[type[ProcessPoolTaskRunner], tuple[Any, ...]]:
        return type(self), (self.max_workers, self._factories, self.initializer, self.initargs)

    @property
    def subprocess_message_processor_factories(self) -> tuple[ProcessorFactory, ...]:
        """What makes the functions that see each message; may be set until the runner is open."""
        return self._factories

    @subprocess_message_processor_factories.setter
    def subprocess_message_processor_factories(self, factories: Iterable[ProcessorFactory] | None) -> None:
        if self._seats is not None:
            raise InvalidDefinition("The task runner is open, so its processors stay.", "Set them before it is used.")
        self._factories = tuple(factories or ())

    def set_subprocess_message_processor_factories(self, factories: Iterable[ProcessorFactory] | None) -> None:
        """The same as setting ``subprocess_message_processor_factories``."""
        self.subprocess_message_processor_factories = factories

    def duplicate(self) -> ProcessPoolTaskRunner:
        """Another runner set up in the same way."""
        return type(self)(*self.__reduce__()[1])

    def open(self) -> None:
        """Find out the limit; processes start as tasks come in."""
        self._start = travel.dump_named((self.initializer, self.initargs), "The initializer of the task runner")
        self._processors = [factory() for factory in self._factories]
        self._seats = Seats(self.max_workers or configured_limit() or os.cpu_count() or 1)

    def job(self, call: TaskCall) -> Job:
        """A job for a process."""
        if self._seats is None:
            raise InvalidDefinition(*NOT_OPEN)
        return _ProcessJob(call, self._seats, self)

    def interrupt(self, job: Job) -> None:
        """Raise KeyboardInterrupt in the process of a job; it is killed if it does not end in time."""
        if isinstance(job, _ProcessJob):
            job.interrupt()

    def close(self) -> None:
        """Let the processes go. What still runs, after a second interrupt, is killed."""
        for job in list(self._outstanding):
            if job.claim():
                job.settle(job.call.cancelled())
            elif isinstance(job, _ProcessJob):
                job.kill()
        self.drain()
        if self._seats is not None:
            self._seats.close()
        for process in list(self._processes):
            process.close()
        self._processes.clear()

    def process(self) -> WorkerProcess:
        """The process of the calling thread, a new one where the last one died."""
        process: WorkerProcess | None = getattr(self._own, "process", None)
        if process is None or not process.is_alive():
            self.forget(process)
            process = self._own.process = WorkerProcess(self._start)
            self._processes.add(process)
        return process

    def forget(self, process: WorkerProcess | None) -> None:
        """Let go of a process that died."""
        if process is not None and process in self._processes:
            self._processes.discard(process)
            process.close()

    def processed(self, message: Message) -> Message | None:
        """The message as the processors leave it; None if one of them drops it."""
        if not self._processors or not isinstance(message, Line):
            return message
        told: tuple[str, Any] | None = ("log", message.attributes)
        for processor in self._processors:
            if told is None:
                return None
            told = processor(*told)
        return None if told is None else Line(told[1])


class _ProcessJob(Job):
    """A job that a thread of the runner has its process carry out."""

    __slots__ = ("_interrupted", "_process", "_runner")

    def __init__(self, call: TaskCall, seats: Seats, runner: ProcessPoolTaskRunner) -> None:
        super().__init__(call, seats, runner._outstanding)
        self._runner = runner
        self._process: WorkerProcess | None = None
        self._interrupted = False

    def carry_out(self) -> None:
        """Have it done, unless somebody else has it."""
        if not self.claim():
            return
        try:
            state = self.context.run(self._remotely)
        except BaseException as error:
            state = self.call.crashed(error)
        self.settle(state)

    def _remotely(self) -> State[Any]:
        run = RemoteRun(self.call)
        remote = run.begin()
        if isinstance(remote, State):
            return remote
        try:
            self._process = process = self._runner.process()
        except OSError as error:
            return run.lost(f"No process can be started for this task: {error}.")
        if self._interrupted:
            return run.interrupted()

        def receive(message: Message) -> None:
            if (left := self._runner.processed(message)) is not None:
                run.receive(left)

        try:
            ending = process.carry_out(remote, receive, lambda: self._interrupted)
        except CrashedRun as error:
            self._runner.forget(process)
            return run.interrupted() if self._interrupted else run.lost(str(error))
        if self._interrupted and isinstance(ending, Refused):
            return run.interrupted()
        return run.finish(ending)

    def interrupt(self) -> None:
        self._interrupted = True
        if self._process is not None:
            self._process.interrupt(self.future.task_run_id)

    def kill(self) -> None:
        self._interrupted = True
        if self._process is not None:
            self._process.kill()
