"""For who writes an object store: the verbs that follow from a few, and the means to write those few.

A store mixes in :class:`StoreVerbs` and is held to ``strongroom_blocks.testing.ObjectStoreContract``. What only some
stores can do has a protocol each: :class:`Presigning`, :class:`Versioned`, :class:`ConditionalWrites` and so on.
"""

from strongroom_blocks.capabilities import Level as Level
from strongroom_blocks.capabilities import Library as Library
from strongroom_blocks.errors import ObjectChanged as ObjectChanged
from strongroom_blocks.errors import ObjectNotYet as ObjectNotYet
from strongroom_blocks.errors import PreconditionFailed as PreconditionFailed
from strongroom_blocks.object_powers import ConditionalWrites as ConditionalWrites
from strongroom_blocks.object_powers import Described as Described
from strongroom_blocks.object_powers import Method as Method
from strongroom_blocks.object_powers import ObjectDetails as ObjectDetails
from strongroom_blocks.object_powers import ObjectVersion as ObjectVersion
from strongroom_blocks.object_powers import Presigning as Presigning
from strongroom_blocks.object_powers import Tagged as Tagged
from strongroom_blocks.object_powers import Versioned as Versioned
from strongroom_blocks.stores.crew import among_many as among_many
from strongroom_blocks.stores.crew import each as each
from strongroom_blocks.stores.crew import leave_if_failed as leave_if_failed
from strongroom_blocks.stores.files import complete_file as complete_file
from strongroom_blocks.stores.files import files_below as files_below
from strongroom_blocks.stores.files import key_of as key_of
from strongroom_blocks.stores.files import local_path as local_path
from strongroom_blocks.stores.ignored import not_ignored as not_ignored
from strongroom_blocks.stores.listing import chosen as chosen
from strongroom_blocks.stores.listing import literal_prefix as literal_prefix
from strongroom_blocks.stores.second_engine import Engines as Engines
from strongroom_blocks.stores.second_engine import Way as Way
from strongroom_blocks.stores.second_engine import obstore_is_installed as obstore_is_installed
from strongroom_blocks.stores.second_engine import sayable as sayable
from strongroom_blocks.stores.syncing import SyncReport as SyncReport
from strongroom_blocks.stores.verbs import StoreVerbs as StoreVerbs

from strongroom.transfer_progress import moving as moving
