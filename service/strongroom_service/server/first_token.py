"""The first administrator's token, which is made once for a registry."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel
from strongroom_registry.private_output import new_private_file

from strongroom_service.identity.grant import Issued
from strongroom_service.service import Service

_KIND, _ID = "server", "first-token"


class _Given(BaseModel):
    """That there was a first token, and which."""

    accessor: str


def first_token(service: Service) -> Issued | None:
    """A token that everything is allowed to, the first time that a registry is served; None from then on. Of several
    processes that start at once, one gets it."""
    with service.records.reading() as session:
        if session.get(_KIND, _ID, _Given) is not None:
            return None
    made = service.tokens.make_root(name="first-token")
    with service.records.changing() as session:
        is_first = session.get(_KIND, _ID, _Given) is None
        if is_first:
            session.put(_KIND, _ID, _Given(accessor=made.accessor))
    if is_first:
        return made
    service.tokens.revoke(made.accessor)
    return None


def keep_in_file(text: str, path: Path) -> None:
    """Write a token to a new file that its owner alone reads.

    :raises FileExistsError: there is one already, and it is left as it is.
    """
    with new_private_file(path) as file:
        file.write(f"{text}\n".encode())
