"""What carries out submitted tasks."""

from strongroom.task_runners.runner import TaskRunner as TaskRunner
from strongroom.task_runners.threads import ConcurrentTaskRunner as ConcurrentTaskRunner
from strongroom.task_runners.threads import ThreadPoolTaskRunner as ThreadPoolTaskRunner
