"""The text after ``gcp-sm:``, such as ``my-project/crm-token@3``: which version of which secret is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from strongroom.sources import InvalidSecretReference

NEWEST = "latest"
_WRITE = "Write gcp-sm:PROJECT/NAME, with @VERSION and #JSON-FIELD behind it where they are needed."
_PROJECT = r"[a-z0-9](?:[a-z0-9.:-]{0,61}[a-z0-9])?"
_REFERENCE = re.compile(
    rf"({_PROJECT})/([A-Za-z0-9_-]{{1,255}})(?:@([1-9][0-9]{{0,8}}|[A-Za-z][A-Za-z0-9_-]{{0,62}}))?(?:#(.{{1,255}}))?"
)


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """``PROJECT/NAME[@VERSION][#JSON-FIELD]``.

    :param version: a number, an alias, or ``latest``.
    :param field: of a secret that is a JSON object; ``None`` for the whole as it is.
    """

    project: str
    name: str
    version: str = NEWEST
    field: str | None = None

    @classmethod
    def parse(cls, text: str) -> SecretVersion:
        """:raises InvalidSecretReference: it is none. The message does not repeat it: it may be a secret by mistake."""
        match = _REFERENCE.fullmatch(text)
        if match is None or not text.isprintable():
            raise InvalidSecretReference("A reference that starts with 'gcp-sm:' is malformed.", _WRITE)
        project, name, version, field = match.groups()
        return cls(project, name, version or NEWEST, field)

    @property
    def resource(self) -> str:
        """The resource name that Secret Manager knows it by."""
        return f"projects/{self.project}/secrets/{self.name}/versions/{self.version}"

    def __str__(self) -> str:
        """As it is parsed."""
        version = f"@{self.version}" if self.version != NEWEST else ""
        return f"{self.project}/{self.name}{version}" + (f"#{self.field}" if self.field is not None else "")
