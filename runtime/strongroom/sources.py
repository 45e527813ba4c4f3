"""Where secrets stay that a block only points at: the protocol that a source follows, and how it says no.

See :class:`SecretSource` for how a package declares one, and :func:`reloaded` for what to do when a login fails.
"""

from strongroom_blocks.errors import InvalidSecretReference as InvalidSecretReference
from strongroom_blocks.errors import SecretAbsent as SecretAbsent
from strongroom_blocks.errors import SecretDenied as SecretDenied
from strongroom_blocks.errors import SourceMisconfigured as SourceMisconfigured
from strongroom_blocks.errors import SourceProblem as SourceProblem
from strongroom_blocks.errors import SourceUnreachable as SourceUnreachable
from strongroom_blocks.sources.json_field import field_of as field_of
from strongroom_blocks.sources.json_field import member_of as member_of
from strongroom_blocks.sources.reloading import reloaded as reloaded
from strongroom_blocks.sources.reloading import reloading as reloading
from strongroom_blocks.sources.settings import accepted as accepted
from strongroom_blocks.sources.source import Answer as Answer
from strongroom_blocks.sources.source import SecretSource as SecretSource
