"""Every error of the collection.

StrongroomError
├── AirflowMissing (ImportError)    Airflow is not installed where its backend is asked for
└── NotForAirflow (ValueError)      a block that is no connection, variable or option to Airflow
"""

from __future__ import annotations

from strongroom import StrongroomError


class AirflowMissing(StrongroomError, ImportError):
    """Airflow is not installed in this environment."""


class NotForAirflow(StrongroomError, ValueError):
    """A block has no form in which Airflow could take it."""
