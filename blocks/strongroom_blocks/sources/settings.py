"""What can be set about sources from outside."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TypeVar

from strongroom_blocks.errors import SourceMisconfigured

B = TypeVar("B")

TTL = "STRONGROOM_SOURCES_TTL"
TIMEOUT = "STRONGROOM_SOURCES_TIMEOUT"
ALLOWED = "STRONGROOM_SOURCES_ALLOWED"
CREDENTIALS = "STRONGROOM_SOURCE_"
DEFAULT_TTL = 300.0
DEFAULT_TIMEOUT = 10.0


def ttl_of(source: object) -> float:
    """For how many seconds what this source answered may be kept: the setting, else the source's own ``ttl``."""
    own = getattr(source, "ttl", DEFAULT_TTL)
    return _seconds(TTL, float(own), least=0.0)


def timeout() -> float:
    """How many seconds a source may take."""
    return _seconds(TIMEOUT, DEFAULT_TIMEOUT, least=0.001)


def is_allowed(text: str) -> bool:
    """Whether this process may resolve a reference: any, unless a setting has patterns for those that it may."""
    patterns = os.environ.get(ALLOWED, "").split(",")
    wanted = [pattern.strip() for pattern in patterns if pattern.strip()]
    return not wanted or any(fnmatchcase(text, pattern) for pattern in wanted)


def credentials_of(scheme: str) -> str | None:
    """The name of the block that a source takes its own credentials from, if a setting names one."""
    return os.environ.get(variable_of(scheme)) or None


def variable_of(scheme: str) -> str:
    """The variable that names the credentials of a source: ``STRONGROOM_SOURCE_AWS_SM`` for ``aws-sm``."""
    return CREDENTIALS + scheme.upper().replace("-", "_")


def accepted(credentials: object, kind: type[B], scheme: str) -> B | None:
    """The block that a source was handed as its credentials, or None where there is none.

    :raises SourceMisconfigured: it is of another type than the source takes.
    """
    if credentials is None or isinstance(credentials, kind):
        return credentials
    raise SourceMisconfigured(
        f'The source "{scheme}" takes {kind.__name__}, not {type(credentials).__name__}.',
        f"Name another block in {variable_of(scheme)}.",
    )


def _seconds(variable: str, default: float, *, least: float) -> float:
    text = os.environ.get(variable)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= 1e9:
        raise SourceMisconfigured(f"The variable {variable} is no number of seconds.", "Set it anew, or unset it.")
    return seconds
