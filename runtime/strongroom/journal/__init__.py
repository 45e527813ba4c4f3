"""Run history: what ran, in which states, with which result, and what it said."""

from strongroom.journal.current import current_journal as current_journal
from strongroom.journal.current import set_current_journal as set_current_journal
from strongroom.journal.current import using_journal as using_journal
from strongroom.journal.journal import Journal as Journal
from strongroom.journal.records import FlowRun as FlowRun
from strongroom.journal.records import LogEntry as LogEntry
from strongroom.journal.records import StateEvent as StateEvent
from strongroom.journal.records import StoredResult as StoredResult
from strongroom.journal.records import TaskRun as TaskRun
