"""Values that travel to another process through the ledger: pickled, and sealed for their place as results are."""

from __future__ import annotations

from typing import Any

from strongroom.results.sealed_records import current_sealer, load_value, read_record, write_record
from strongroom.serializers import PickleSerializer

_pickle = PickleSerializer()


def seal_value(value: Any, place: str) -> bytes:
    """A record of ``value`` that :func:`unseal_value` opens for the same ``place``, and for no other.

    Raises :class:`~strongroom.errors.UnserializableResult` for what cannot be pickled, or is larger than the setting
    ``results_auto_max_bytes``; and what opening the registry raises.
    """
    from strongroom.settings import get_settings

    body = _pickle.dumps(value, get_settings().results_auto_max_bytes)
    return write_record(body, _pickle.name, None, current_sealer(), place.encode())


def unseal_value(record: bytes, place: str) -> Any:
    """The value of a record; raises a :class:`~strongroom.errors.ResultProblem` where it cannot be had."""
    return load_value(read_record(record, current_sealer(), place.encode()), _pickle, place)
