"""The registry that blocks come from, for programs that must not make one by looking for it."""

from __future__ import annotations

from strongroom_registry.current import current
from strongroom_registry.errors import IntegrityError as IntegrityError
from strongroom_registry.errors import UnknownDocument as UnknownDocument


def require_registry() -> None:
    """See to it that blocks are loaded from the registry that the settings name, which has to be there.

    :raises StoreUnavailable: there is none; nothing was created.
    :raises KeyProblem: its key is absent, unreadable, exposed or the wrong one.
    """
    current(create=False)
