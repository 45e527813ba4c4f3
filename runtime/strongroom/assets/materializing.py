"""Tasks that make assets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar, Unpack

from strongroom.assets import lineage
from strongroom.assets.asset import Asset
from strongroom.assets.asset import assets as _assets
from strongroom.errors import InvalidDefinition
from strongroom.tasks import Task, TaskOptions

P = ParamSpec("P")
R = TypeVar("R")


class MaterializingTask(Task[P, R]):
    """A task that makes assets. Made by :func:`materialize`."""

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        assets: Iterable[Asset | str],
        materialized_by: str | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(fn, **options)
        self.assets = _assets(assets)
        self.materialized_by = materialized_by
        lineage.watch(self)

    def with_options(
        self, assets: Iterable[Asset | str] | None = None, **options: Unpack[TaskOptions]
    ) -> MaterializingTask[P, R]:
        """A task of the same function and the same options, but for those given here."""
        made = self.assets if assets is None else assets
        other: MaterializingTask[P, R] = MaterializingTask(
            self.fn, assets=made, materialized_by=self.materialized_by, **self.changed(options)
        )
        other._bind_like(self)
        other.task_key = self.task_key
        return other


def materialize(
    *assets: Asset | str, by: str | None = None, **options: Unpack[TaskOptions]
) -> Callable[[Callable[P, R]], MaterializingTask[P, R]]:
    """Make a task of a function that makes these assets: ``@materialize("s3://bucket/orders.csv")``.

    :param assets: what it makes, as assets or their keys.
    :param by: the tool that makes them, ``"dbt"`` for one.

    The other options are those of :func:`strongroom.task`; ``asset_deps`` names assets that it is made of, where they
    cannot be told from its inputs. Raises :class:`~strongroom.errors.InvalidDefinition` without any asset.
    """
    if not assets:
        raise InvalidDefinition("@materialize names no asset.", 'Name one: @materialize("s3://bucket/orders.csv").')
    return lambda fn: MaterializingTask(fn, assets=assets, materialized_by=by, **options)
