"""Strongroom for Snowflake: credentials, a database, and tasks over it.

Needs ``pip install "strongroom[snowflake]"``.
"""

from strongroom_snowflake.connector import SnowflakeConnector as SnowflakeConnector
from strongroom_snowflake.credentials import SnowflakeCredentials as SnowflakeCredentials
from strongroom_snowflake.database import aexecute as aexecute
from strongroom_snowflake.database import aexecute_many as aexecute_many
from strongroom_snowflake.database import aload_dataframe as aload_dataframe
from strongroom_snowflake.database import aload_files as aload_files
from strongroom_snowflake.database import aquery as aquery
from strongroom_snowflake.database import aunload as aunload
from strongroom_snowflake.database import await_for_data as await_for_data
from strongroom_snowflake.database import execute as execute
from strongroom_snowflake.database import execute_many as execute_many
from strongroom_snowflake.database import load_dataframe as load_dataframe
from strongroom_snowflake.database import load_files as load_files
from strongroom_snowflake.database import query as query
from strongroom_snowflake.database import snowflake_multiquery as snowflake_multiquery
from strongroom_snowflake.database import snowflake_multiquery_async as snowflake_multiquery_async
from strongroom_snowflake.database import snowflake_query as snowflake_query
from strongroom_snowflake.database import snowflake_query_async as snowflake_query_async
from strongroom_snowflake.database import snowflake_query_sync as snowflake_query_sync
from strongroom_snowflake.database import unload as unload
from strongroom_snowflake.database import wait_for_data as wait_for_data
from strongroom_snowflake.submitted import QueryHandle as QueryHandle
