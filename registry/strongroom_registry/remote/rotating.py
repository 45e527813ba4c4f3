"""Following a rotation of keys that a server carries out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from pydantic import ValidationError
from urllib3.exceptions import HTTPError

from strongroom_registry.errors import ServerMisspoke, ServerUnreachable
from strongroom_registry.remote import reports, wire
from strongroom_registry.remote.connection import Connection
from strongroom_registry.remote.events import events_of
from strongroom_registry.remote.problems import raised
from strongroom_registry.rotation import Progress, RotationReport

_SILENCE_SECONDS = 60.0


def rotated(
    connection: Connection, path: str, order: wire.RotationOrder, progress: Callable[[Progress], None] | None
) -> RotationReport:
    """Have a server rotate, and wait for the end.

    :raises ServerUnreachable: the connection broke; the rotation may go on, and another one finishes it first.
    """
    try:
        with closing(connection.stream(path, method="POST", body=order, seconds=_SILENCE_SECONDS)) as response:
            for event in events_of(response):
                if event.kind == "progress" and progress is not None:
                    told = wire.ProgressTold.model_validate_json(event.data)
                    progress(Progress(told.epoch, told.done, told.total))
                elif event.kind == "report":
                    return reports.rotation(wire.RotationTold.model_validate_json(event.data))
                elif event.kind == "error":
                    raise raised(wire.Fault.model_validate_json(event.data))
    except (HTTPError, OSError):
        pass
    except ValidationError:
        raise ServerMisspoke(f"{connection.address} tells of a rotation in another form.", "Update it.") from None
    raise ServerUnreachable(
        f"{connection.address} went away while it rotated keys.",
        "The rotation goes on there, or is finished by the next one: `strongroom keys check`.",
    )
