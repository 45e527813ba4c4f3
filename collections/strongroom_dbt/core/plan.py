"""What a build would do: its nodes in waves, and which of them are known to be done."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom_dbt.errors import DbtProjectInvalid

_SHOWN = 10


class Manifest:
    """A ``manifest.json``: the nodes of a project and what each needs."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.nodes: dict[str, Mapping[str, Any]] = {**content.get("nodes", {}), **content.get("unit_tests", {})}
        self.sources: Mapping[str, Mapping[str, Any]] = content.get("sources", {})
        self.macros: Mapping[str, Mapping[str, Any]] = content.get("macros", {})

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """
        :raises DbtProjectInvalid: there is no such file, or it is no manifest.
        """
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError):
            raise DbtProjectInvalid(f"{path} is no manifest of dbt.", "Let `dbt parse` write it.") from None

    def before(self, unique_id: str) -> list[str]:
        """The nodes and sources that a node needs directly."""
        return list(self.nodes.get(unique_id, {}).get("depends_on", {}).get("nodes", ()))

    def sources_behind(self, unique_id: str) -> set[str]:
        """Every source that a node is made of."""
        found, pending, seen = set(), [unique_id], set()
        while pending:
            for before in self.before(pending.pop()):
                if before in self.sources:
                    found.add(before)
                elif before not in seen:
                    seen.add(before)
                    pending.append(before)
        return found

    def in_order(self, chosen: Collection[str]) -> Iterator[tuple[str, int]]:
        """The chosen nodes, each after those that it needs, with how many of them are before it on the longest way."""
        depths: dict[str, int] = {}
        told = set(chosen)

        for start in sorted(chosen):
            pending = [start]
            while pending:
                node = pending[-1]
                missing = [before for before in self.before(node) if before in self.nodes and before not in depths]
                if missing:
                    pending.extend(missing)
                    continue
                pending.pop()
                if node not in depths:
                    own = int(node in told)
                    depths[node] = max((depths[before] for before in self.before(node) if before in depths), default=0)
                    depths[node] += own
        for node, depth in sorted(depths.items(), key=lambda item: item[1]):
            if node in told:
                yield node, depth - 1


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What ``run_build`` would do.

    ``waves`` are unique ids that can run beside each other, in order; ``cache_predictions`` tells of each node whether
    the cache has it: ``hit``, ``miss`` or ``excluded``. ``skipped_nodes`` have the reason.
    """

    waves: tuple[tuple[str, ...], ...]
    cache_predictions: Mapping[str, str] | None = None
    skipped_nodes: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def node_count(self) -> int:
        """How many nodes there are in all waves."""
        return sum(map(len, self.waves))

    @property
    def estimated_parallelism(self) -> int:
        """How many nodes the widest wave has."""
        return max(map(len, self.waves), default=0)

    def __str__(self) -> str:
        widest = self.estimated_parallelism
        lines = [f"BuildPlan: {self.node_count} node(s) in {len(self.waves)} wave(s)  |  max parallelism = {widest}"]
        for number, wave in enumerate(self.waves):
            lines += ["", f"  Wave {number} ({len(wave)} node(s)):"]
            lines += [f"    - {node} [{self.kinds.get(node, '')}]{self._predicted(node)}" for node in wave[:_SHOWN]]
            lines += [f"    - and {len(wave) - _SHOWN} more"] if len(wave) > _SHOWN else []
        if self.skipped_nodes:
            lines += ["", "  Skipped:", *(f"    - {node} ({reason})" for node, reason in self.skipped_nodes.items())]
        if self.cache_predictions is not None:
            words = list(self.cache_predictions.values())
            counts = f"{words.count('hit')} hit(s), {words.count('miss')} miss(es), {words.count('excluded')} excluded"
            lines += ["", f"  Cache: {counts}"]
        return "\n".join(lines)

    def _predicted(self, node: str) -> str:
        return f" (cache: {self.cache_predictions[node]})" if self.cache_predictions else ""


def plan_of(manifest: Manifest, chosen: Collection[str], predictions: Mapping[str, str] | None) -> BuildPlan:
    """The plan of a build of these nodes."""
    waves: dict[int, list[str]] = {}
    for node, depth in manifest.in_order(chosen):
        waves.setdefault(depth, []).append(node)
    kinds = {node: _kind(manifest.nodes[node]) for node in chosen if node in manifest.nodes}
    return BuildPlan(tuple(tuple(sorted(waves[depth])) for depth in sorted(waves)), predictions, {}, kinds)


def _kind(node: Mapping[str, Any]) -> str:
    materialized = node.get("config", {}).get("materialized")
    kind = str(node.get("resource_type", ""))
    return f"{kind}, {materialized}" if materialized and materialized != kind else kind
