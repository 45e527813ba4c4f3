"""A small shop as a dbt project on DuckDB, whole or broken, and what a test wants to hear of its invocations."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strongroom import DuckDB
from strongroom_dbt import DbtNode, DbtProfile, DbtProject

SHOP = {
    "dbt_project.yml": """
        name: shop
        version: "1.0"
        profile: shop
        models: {shop: {+materialized: table}}
    """,
    "seeds/orders.csv": "id,customer,amount\n1,ann,10\n2,bob,20\n3,ann,12\n",
    "models/customers.sql": """
        select customer, sum(amount) as spent, count(*) as orders from {{ ref('orders') }} group by 1
    """,
    "models/best.sql": "select customer from {{ ref('customers') }} where spent > {{ var('limit', 20) }}\n",
    "models/schema.yml": """
        models:
          - name: customers
            columns:
              - name: customer
                data_tests: [not_null, unique]
    """,
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Lay out a project."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = text.strip("\n").split("\n")
        margin = len(lines[0]) - len(lines[0].lstrip())
        path.write_text("\n".join(line[margin:] for line in lines).rstrip() + "\n", encoding="utf-8")
    return folder


def project_in(folder: Path, files: Mapping[str, str], **profile: object) -> DbtProject:
    """A project of these files that is built into a DuckDB file beside it."""
    write(folder / "shop", files)
    warehouse = DuckDB(path=str(folder / "warehouse.duckdb"))
    return DbtProject(project_dir=folder / "shop", profile=DbtProfile(warehouse=warehouse, **profile))  # type: ignore[arg-type]


@dataclass
class Heard:
    """An observer that remembers, and may do something at the first line."""

    lines: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    finished: list[DbtNode] = field(default_factory=list)
    at_first_line: Callable[[], object] = lambda: None

    def log(self, level: str, message: str, node: str) -> None:
        self.lines.append(message)
        if len(self.lines) == 1:
            self.at_first_line()

    def node_started(self, node: DbtNode) -> None:
        self.started.append(node.unique_id)

    def node_finished(self, node: DbtNode) -> None:
        self.finished.append(node)


def dbt_processes() -> list[int]:
    """The processes of dbt that this process runs now."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command, status = (entry / "cmdline").read_bytes(), (entry / "stat").read_text()
            except OSError:
                continue
            if b"strongroom_dbt.child" in command and int(status.rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(entry.name))
    return found
