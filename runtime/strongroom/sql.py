"""For who writes a database: the verbs that follow from a session on a connection, and the means to write one.

A block mixes in :class:`SqlVerbs`, opens a :class:`SqlSession` of its own in ``transaction``, and is held to
``strongroom_blocks.testing.DatabaseContract``.
"""

from strongroom_blocks.databases.capability import BulkInsert as BulkInsert
from strongroom_blocks.databases.capability import Database as Database
from strongroom_blocks.databases.capability import DatabaseVerbs as DatabaseVerbs
from strongroom_blocks.databases.capability import Parameters as Parameters
from strongroom_blocks.databases.capability import RowBatch as RowBatch
from strongroom_blocks.databases.identifiers import column_name as column_name
from strongroom_blocks.databases.identifiers import table_name as table_name
from strongroom_blocks.databases.placeholders import insertion as insertion
from strongroom_blocks.databases.placeholders import neutral as neutral
from strongroom_blocks.databases.placeholders import peeked as peeked
from strongroom_blocks.databases.session import Counted as Counted
from strongroom_blocks.databases.session import SqlSession as SqlSession
from strongroom_blocks.databases.session import batches as batches
from strongroom_blocks.databases.session import chunks as chunks
from strongroom_blocks.databases.session_changes import closing_changed as closing_changed
from strongroom_blocks.databases.session_changes import forget as forget
from strongroom_blocks.databases.sqlalchemy_faults import connected as connected
from strongroom_blocks.databases.sqlalchemy_faults import driver_missing as driver_missing
from strongroom_blocks.databases.sqlalchemy_faults import is_denial as is_denial
from strongroom_blocks.databases.sqlalchemy_faults import verdict as verdict
from strongroom_blocks.databases.sqlalchemy_session import SqlAlchemySession as SqlAlchemySession
from strongroom_blocks.databases.sqlalchemy_url import parts_of as parts_of
from strongroom_blocks.databases.sqlalchemy_url import url_of as url_of
from strongroom_blocks.databases.verbs import SqlVerbs as SqlVerbs
from strongroom_blocks.errors import InvalidName as InvalidName
from strongroom_blocks.errors import MissingExtra as MissingExtra
from strongroom_blocks.twins import context_twin as context_twin
from strongroom_blocks.twins import stream_twin as stream_twin
