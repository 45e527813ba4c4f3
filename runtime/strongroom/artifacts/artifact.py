"""One artifact: what it shows, which run made it, and when."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID, uuid4

from strongroom_blocks.redaction import redactor

from strongroom.context import FlowRunContext, TaskRunContext
from strongroom.errors import InvalidArtifact

KEY_MAX = 255
DESCRIPTION_MAX = 64 * 1024
DATA_MAX = 4 * 1024 * 1024
"""The largest content, in characters of JSON: artifacts are for people, who read no more."""

_KEY = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something that a run shows. Without a ``key`` it is found by the run alone; with one, it has versions.

    :param type: ``markdown``, ``table``, ``progress``, ``image``, or another word of yours.
    :param key: lower-case letters, digits and dashes.
    :param description: Markdown.
    :param data: the content, as JSON: of an artifact that was read, what :meth:`format` made.
    """

    type: str | None = None
    key: str | None = None
    description: str | None = None
    data: Any = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    id: UUID | None = None
    created: datetime | None = None
    updated: datetime | None = None

    def format(self) -> Any:
        """The content as it is kept: JSON, as text."""
        return json.dumps(redactor.redact_value(self.data))

    async def aformat(self) -> Any:
        """:meth:`format` for asynchronous code."""
        return await asyncio.to_thread(self.format)

    def create(self, client: Any = None) -> Artifact:
        """Keep it, with the run that the calling code is part of. Gives it as it is kept, secrets masked.

        ``client`` may be one of ``get_client()``, and leads to the same ledger. Raises
        :class:`~strongroom.errors.InvalidArtifact`.
        """
        from strongroom.artifacts.rows import insert

        check_client(client)
        _check(self.key, self.description)
        flow, task = FlowRunContext.get(), TaskRunContext.get()
        data = redactor.redact_value(self.format())
        if len(json.dumps(data)) > DATA_MAX:
            raise InvalidArtifact(
                f"The artifact {self.key or self.type or ''!r} has more than {DATA_MAX:,} characters.",
                "Keep what is large in a file or an object store, and create a link artifact.",
            )
        return insert(
            Artifact(
                type=self.type,
                key=self.key,
                description=None if self.description is None else redactor.redact(self.description),
                data=data,
                flow_run_id=self.flow_run_id or (None if flow is None else flow.id),
                task_run_id=self.task_run_id or (None if task is None else task.id),
                id=ArtifactId(int=uuid4().int),
            )
        )

    async def acreate(self, client: Any = None) -> Artifact:
        """:meth:`create` for asynchronous code."""
        return await asyncio.to_thread(self.create, client)

    @classmethod
    def get(cls, key: str | None = None, client: Any = None) -> Artifact | None:
        """The newest version of an artifact; None where there is none of this key."""
        from strongroom.artifacts.rows import list_artifacts

        check_client(client)
        return next(iter(list_artifacts(key=key, limit=1)), None) if key else None

    @classmethod
    async def aget(cls, key: str | None = None, client: Any = None) -> Artifact | None:
        """:meth:`get` for asynchronous code."""
        return await asyncio.to_thread(cls.get, key, client)

    @classmethod
    def get_or_create(
        cls,
        key: str | None = None,
        description: str | None = None,
        data: Any = None,
        client: Any = None,
        **kwargs: Any,
    ) -> tuple[Artifact, bool]:
        """The newest version of an artifact, or one that is made now, and whether it was made."""
        found = cls.get(key, client)
        if found is not None:
            return found, False
        given = {} if data is None else {"data": data}
        return cls(key=key, description=description, **given, **kwargs).create(), True

    @classmethod
    async def aget_or_create(
        cls,
        key: str | None = None,
        description: str | None = None,
        data: Any = None,
        client: Any = None,
        **kwargs: Any,
    ) -> tuple[Artifact, bool]:
        """:meth:`get_or_create` for asynchronous code."""
        return await asyncio.to_thread(lambda: cls.get_or_create(key, description, data, client, **kwargs))


class ArtifactId(UUID):
    """The id of an artifact. It can be awaited, since scripts that were written for Prefect do so."""

    def __await__(self) -> Generator[Any, Any, Self]:
        return self
        yield  # what makes it a generator, which awaits nothing


def check_client(client: Any) -> None:
    """Refuse what is no client of ``get_client()``."""
    if client is not None and type(client).__module__ != "strongroom.client.orchestration":
        raise InvalidArtifact(
            f"A {type(client).__name__} is no client that artifacts are kept by.",
            "Leave client out: they are kept in the ledger of the settings.",
        )


def _check(key: str | None, description: str | None) -> None:
    if key is not None and (not isinstance(key, str) or not _KEY.fullmatch(key) or len(key) > KEY_MAX):
        raise InvalidArtifact(
            f"{redactor.redact(str(key))!r:.80} is no key of an artifact.",
            f"Use up to {KEY_MAX} lower-case letters, digits and dashes.",
        )
    if key is not None and redactor.redact(key) != key:
        raise InvalidArtifact("An artifact's key would be a secret.", "Use another one: keys are shown.")
    if description is not None and len(description) > DESCRIPTION_MAX:
        raise InvalidArtifact(
            f"The description of an artifact has {len(description):,} characters, and {DESCRIPTION_MAX:,} is the most.",
            "Make what it says the content of a markdown artifact.",
        )
