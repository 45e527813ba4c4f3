"""The first administrator's token, which is made once for a registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel
from strongroom_registry.private_output import new_private_file

from strongroom_service.service import Service

_KIND, _ID = "server", "first-token"


class _Given(BaseModel):
    """That there was a first token, and which."""

    accessor: str


def give_first_token(service: Service, hand_over: Callable[[str], None]) -> None:
    """Make a token that everything is allowed to, the first time that a registry is served. Of several processes that
    start at once, one gets it.

    :param hand_over: gives it to the operator. What it raises is raised, and the next start is the first one again.
    """
    with service.records.reading() as session:
        if session.get(_KIND, _ID, _Given) is not None:
            return
    made = service.tokens.make_root(name="first-token")
    with service.records.changing() as session:
        is_first = session.get(_KIND, _ID, _Given) is None
        if is_first:
            session.put(_KIND, _ID, _Given(accessor=made.accessor))
    if not is_first:
        service.tokens.revoke(made.accessor)
        return
    try:
        hand_over(made.token.text)
    except BaseException:
        service.tokens.revoke(made.accessor)
        with service.records.changing() as session:
            session.remove(_KIND, _ID)
        raise


def keep_in_file(text: str, path: Path) -> None:
    """Write a token to a new file that its owner alone reads.

    :raises FileExistsError: there is one already, and it is left as it is.
    :raises OSError: it cannot be written there.
    """
    with new_private_file(path) as file:
        file.write(f"{text}\n".encode())
