"""What Airflow loads: ``[secrets] backend = strongroom_airflow.StrongroomBackend``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from strongroom import Block
from strongroom.interchange.names import valid_name
from strongroom.registries import IntegrityError, require_registry

from strongroom_airflow.connections import connection_json, value_text
from strongroom_airflow.errors import AirflowMissing

TEAM_END = "--"
"""What stands between the name of a team and the name of what is its own."""
_BASES = ("airflow.secrets.base_secrets", "airflow.sdk.bases.secrets_backend")


def _base() -> Any:
    """Airflow's own base class: the core's, or that of a worker that has the Task SDK alone."""
    for module in _BASES:
        try:
            return import_module(module).BaseSecretsBackend
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise
    raise AirflowMissing("Airflow is not installed here.", "Install Strongroom where Airflow runs.")


class StrongroomBackend(_base()):  # type: ignore[misc]
    """Connections, variables and options of Airflow from the blocks of a workspace.

    Settings say which registry that is, as everywhere (``STRONGROOM_HOME``, ``STRONGROOM_REGISTRY``,
    ``STRONGROOM_KEY``, ``STRONGROOM_WORKSPACE``); it has to be there. An id is looked up by the name that
    ``strongroom import`` gives it: in small letters, with ``-`` for what a name cannot have.

    In a deployment with teams, ``team--id`` is what a team has of its own, and goes before what all have; nobody else
    is given it.

    :param connections_prefix: what the names of blocks for connections begin with; None looks up no connection.
    :param variables_prefix: the same for variables.
    :param config_prefix: the same for options of the configuration, those that end with ``_secret``.
    """

    def __init__(
        self,
        connections_prefix: str | None = "",
        variables_prefix: str | None = "",
        config_prefix: str | None = "",
    ) -> None:
        super().__init__()
        self._connections_prefix = connections_prefix
        self._variables_prefix = variables_prefix
        self._config_prefix = config_prefix

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """A connection as JSON; None where there is no such block.

        :raises NotForAirflow: there is one, and no connection can be made of it.
        """
        found = self._found(self._connections_prefix, conn_id, team_name)
        return None if found is None else connection_json(*found)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """The value of a ``secret`` or ``json`` block as a text; None where there is no such block.

        :raises NotForAirflow: there is one of another type.
        """
        found = self._found(self._variables_prefix, key, team_name)
        return None if found is None else value_text(*found)

    def get_config(self, key: str) -> str | None:
        """The value of a ``secret`` or ``json`` block as a text; None where there is no such block.

        :raises NotForAirflow: there is one of another type.
        """
        found = self._found(self._config_prefix, key, None)
        return None if found is None else value_text(*found)

    def _found(self, prefix: str | None, key: str, team: str | None) -> tuple[Block, str] | None:
        names = [] if prefix is None else list(_names(prefix, key, team))
        if not names:
            return None
        require_registry()
        with _authoritative():
            for name in names:
                if Block.exists(name):
                    return Block.load(name), name
        return None


def _names(prefix: str, key: str, team: str | None) -> Iterator[str]:
    """The names to look up, a team's own first. What names a team by itself, or has a ``..``, is for nobody."""
    name = valid_name(key)
    if name is None or TEAM_END in name or ".." in key:
        return
    if team and valid_name(team) == team and TEAM_END not in team:
        yield from filter(None, [valid_name(f"{team}{TEAM_END}{name}", prefix)])
    yield from filter(None, [valid_name(name, prefix)])


@contextmanager
def _authoritative() -> Iterator[None]:
    """What was tampered with is denied, where Airflow knows the word: it asks no other backend then."""
    try:
        yield
        return
    except IntegrityError as error:
        told = str(error)
        try:
            denial: type[Exception] = import_module("airflow.sdk.exceptions").AirflowSecretsBackendAccessDenied
        except (ImportError, AttributeError):
            raise error.with_traceback(None) from None
    raise denial(told)
