"""Strongroom for SQLAlchemy, under the names that ``prefect_sqlalchemy`` has.

Needs ``pip install "strongroom[sql]"`` and the package of the driver. New code has less to do with
:class:`strongroom.SqlDatabase`.
"""

from strongroom_sqlalchemy.credentials import AsyncDriver as AsyncDriver
from strongroom_sqlalchemy.credentials import ConnectionComponents as ConnectionComponents
from strongroom_sqlalchemy.credentials import SyncDriver as SyncDriver
from strongroom_sqlalchemy.database import AsyncSqlAlchemyConnector as AsyncSqlAlchemyConnector
from strongroom_sqlalchemy.database import SqlAlchemyConnector as SqlAlchemyConnector
