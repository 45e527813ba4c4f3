"""Whether what a block stands for works: how a type says so in its own ``check``, and how anybody asks a block.

A type has a check when it has the method of :class:`Checkable`; no inheritance is needed.
"""

from strongroom_blocks.capabilities import Checkable as Checkable
from strongroom_blocks.checking import Finding as Finding
from strongroom_blocks.checking import check as check
from strongroom_blocks.errors import CheckAbsent as CheckAbsent
from strongroom_blocks.errors import CheckDenied as CheckDenied
from strongroom_blocks.errors import CheckFailed as CheckFailed
from strongroom_blocks.errors import CheckUnreachable as CheckUnreachable
