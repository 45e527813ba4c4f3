"""What the client does with limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from strongroom.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate

if TYPE_CHECKING:
    from strongroom.concurrency.limits import ConcurrencyLimit

_PREFIX = "tag:"


@dataclass(frozen=True, slots=True)
class TagConcurrencyLimit:
    """The limit of a tag, with the ids of the task runs that have its slots."""

    id: UUID
    tag: str
    concurrency_limit: int
    active_slots: list[UUID]


class LimitMethods:
    """Making, reading and changing limits, those of tags among them."""

    def create_global_concurrency_limit(self, concurrency_limit: GlobalConcurrencyLimitCreate) -> UUID:
        """Make a limit; its id. Raises LimitExists."""
        from strongroom.concurrency.limits import create_limit

        given = concurrency_limit
        return create_limit(given.name, given.limit, given.slot_decay_per_second, given.active).id

    def upsert_global_concurrency_limit_by_name(self, name: str, limit: int) -> None:
        """Make a limit of so many slots, or change how many one has."""
        from strongroom.concurrency.limits import create_limit, list_limits, update_limit

        if any(known.name == name for known in list_limits()):
            update_limit(name, limit=limit)
        else:
            create_limit(name, limit)

    def update_global_concurrency_limit(self, name: str, concurrency_limit: GlobalConcurrencyLimitUpdate) -> None:
        """Change what is given of a limit; raises UnknownLimit."""
        from strongroom.concurrency.limits import update_limit

        given = concurrency_limit
        update_limit(name, limit=given.limit, slot_decay_per_second=given.slot_decay_per_second, active=given.active)

    def read_global_concurrency_limit_by_name(self, name: str) -> ConcurrencyLimit:
        """The limit of this name; raises UnknownLimit."""
        from strongroom.concurrency.limits import read_limit

        return read_limit(name)

    def read_global_concurrency_limits(self, limit: int = 10, offset: int = 0) -> list[ConcurrencyLimit]:
        """Limits, by name."""
        from strongroom.concurrency.limits import list_limits

        return list_limits()[offset : offset + limit]

    def delete_global_concurrency_limit_by_name(self, name: str) -> None:
        """Remove a limit; raises UnknownLimit."""
        from strongroom.concurrency.limits import delete_limit

        delete_limit(name)

    def create_concurrency_limit(self, tag: str, concurrency_limit: int) -> UUID:
        """Let so many task runs with a tag go on at once, and none where it is 0; the limit's id."""
        from strongroom.concurrency.limits import create_limit

        return create_limit(f"{_PREFIX}{tag}", concurrency_limit, overwrite=True).id

    def read_concurrency_limit_by_tag(self, tag: str) -> TagConcurrencyLimit:
        """The limit of a tag; raises UnknownLimit."""
        return _of_tag(self.read_global_concurrency_limit_by_name(f"{_PREFIX}{tag}"))

    def read_concurrency_limits(self, limit: int = 100, offset: int = 0) -> list[TagConcurrencyLimit]:
        """The limits of tags, by tag."""
        from strongroom.concurrency.limits import list_limits

        found = [known for known in list_limits() if known.name.startswith(_PREFIX)]
        return [_of_tag(known) for known in found[offset : offset + limit]]

    def reset_concurrency_limit_by_tag(self, tag: str, slot_override: Iterable[UUID | str] | None = None) -> None:
        """Free the slots of a tag's limit, but for those of the task runs in ``slot_override``; raises UnknownLimit."""
        from strongroom.concurrency.limits import reset_limit

        reset_limit(f"{_PREFIX}{tag}", keep={str(run) for run in slot_override or ()})

    def delete_concurrency_limit_by_tag(self, tag: str) -> None:
        """Remove the limit of a tag; raises UnknownLimit."""
        self.delete_global_concurrency_limit_by_name(f"{_PREFIX}{tag}")


def _of_tag(limit: ConcurrencyLimit) -> TagConcurrencyLimit:
    from strongroom.concurrency.limits import list_leases

    runs = [UUID(lease.holder["id"]) for lease in list_leases(limit.name) if lease.holder.get("type") == "task_run"]
    return TagConcurrencyLimit(limit.id, limit.name.removeprefix(_PREFIX), limit.limit, runs)
