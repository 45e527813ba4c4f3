"""Strongroom for Snowflake: credentials, a database, and tasks over it.

Needs ``pip install "strongroom[snowflake]"``.
"""

from strongroom_snowflake.connector import SnowflakeConnector as SnowflakeConnector
from strongroom_snowflake.credentials import SnowflakeCredentials as SnowflakeCredentials
