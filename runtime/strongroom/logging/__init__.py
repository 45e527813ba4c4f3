"""What runs say; see :mod:`strongroom.logging.loggers`."""

from strongroom.logging.loggers import ConsoleFormatter as ConsoleFormatter
from strongroom.logging.loggers import ConsoleHandler as ConsoleHandler
from strongroom.logging.loggers import JournalHandler as JournalHandler
from strongroom.logging.loggers import RunLogger as RunLogger
from strongroom.logging.loggers import configure as configure
from strongroom.logging.loggers import disable_logger as disable_logger
from strongroom.logging.loggers import disable_run_logger as disable_run_logger
from strongroom.logging.loggers import flow_run_logger as flow_run_logger
from strongroom.logging.loggers import get_logger as get_logger
from strongroom.logging.loggers import get_run_logger as get_run_logger
from strongroom.logging.loggers import task_run_logger as task_run_logger
