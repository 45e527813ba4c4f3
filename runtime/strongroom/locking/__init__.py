"""Locks under names: of one process, of one machine, or of all that share a ledger."""

from strongroom.locking.filesystem import FileSystemLockManager as FileSystemLockManager
from strongroom.locking.isolation import IsolationLevel as IsolationLevel
from strongroom.locking.memory import MemoryLockManager as MemoryLockManager
from strongroom.locking.protocol import LockManager as LockManager
