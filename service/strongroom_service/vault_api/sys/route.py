"""A path beneath ``sys``, and what answers there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from strongroom_service.http.call import Answer
from strongroom_service.vault_api.call import Operation, VaultCall

SysHandler = Callable[[VaultCall, Mapping[str, str]], Answer]

_PARAMETER = re.compile(r"\{([a-z_]+)(:path)?\}")


@dataclass(frozen=True)
class SysRoute:
    """What answers at a path.

    :param path: what follows ``sys/``, with ``{name}`` for one segment and ``{name:path}`` for several.
    :param operations: what each operation calls; a write is ``UPDATE``.
    :param is_open: whether anybody may ask, without a token.
    :param sudo: the operations that ask for the capability ``sudo`` too.
    """

    path: str
    operations: Mapping[Operation, SysHandler]
    is_open: bool = False
    sudo: frozenset[Operation] = frozenset()

    def values(self, path: str) -> dict[str, str] | None:
        """What stands in a path in the place of the parameters; None where the path is another one."""
        match = self._expression.fullmatch(path)
        return None if match is None else match.groupdict()

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        parts, at = [], 0
        for match in _PARAMETER.finditer(self.path):
            parts.append(re.escape(self.path[at : match.start()]))
            parts.append(f"(?P<{match[1]}>{'.+' if match[2] else '[^/]+'})")
            at = match.end()
        return re.compile("".join(parts) + re.escape(self.path[at:]), re.DOTALL)


def sudo(*operations: Operation) -> frozenset[Operation]:
    """The operations of a route that ask for ``sudo``."""
    return frozenset(operations)
