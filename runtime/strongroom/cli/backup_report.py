"""What is told of backups, for ``strongroom backup`` and ``strongroom restore``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.output import Column, counted, listing, printable

if TYPE_CHECKING:
    from strongroom_registry.backup import BackedUpWorkspace, BackupSummary
    from strongroom_registry.restoring import VerifiedBackup, VerifiedWorkspace


def needed(workspace: BackedUpWorkspace) -> str:
    """The keys that open a workspace, in words."""
    return " or ".join(f"the key {key}" for key in workspace.current_keys) or "no key"


def amount(workspace: BackedUpWorkspace) -> str:
    """How much of a workspace is there, in words."""
    blocks, versions = counted(workspace.documents, "block"), counted(workspace.versions, "version")
    return f"{blocks}, {versions}, {counted(workspace.audit_entries, 'audit entry', 'audit entries')}"


def summary_shape(summary: BackupSummary) -> dict[str, Any]:
    return {
        "file": str(summary.path),
        "store_id": str(summary.store_id),
        "made": summary.made_at,
        "made_by": summary.made_by,
        "bytes": summary.size,
        "workspaces": [_backed_up_shape(workspace) for workspace in summary.workspaces],
    }


def workspace_shape(workspace: VerifiedWorkspace) -> dict[str, Any]:
    """A workspace of a backup in which everything was opened."""
    return {
        **_backed_up_shape(workspace.backed_up),
        "ok": workspace.ok,
        "key_problem": str(workspace.key_problem) if workspace.key_problem else None,
        "problems": problem_rows(workspace),
        "anchor_change": workspace.anchor_seq,
    }


def problem_rows(workspace: VerifiedWorkspace) -> list[dict[str, Any]]:
    """What is not as it was left; a key that is missing is nothing of that kind."""
    return [
        {
            "name": problem.name,
            "version": problem.version,
            "error": type(problem.error).__name__,
            "problem": problem.error.problem,
        }
        for problem in workspace.problems
    ]


def tell_problems(found: VerifiedBackup) -> None:
    """Print what is wrong, and on standard error which keys are missing."""
    rows = [
        {"workspace": workspace.backed_up.name, **row}
        for workspace in found.workspaces
        for row in problem_rows(workspace)
    ]
    columns = [
        Column("workspace", "Workspace"),
        Column("name", "Name", style="bold"),
        Column("version", "Version", right=True),
        Column("error", "Error", style="red"),
        Column("problem", "Problem", fold=True),
    ]
    if rows:
        listing(rows, columns, as_json=False, empty="")
    for workspace in found.workspaces:
        if workspace.key_problem is not None:
            click.echo(printable(str(workspace.key_problem)), err=True)


def _backed_up_shape(workspace: BackedUpWorkspace) -> dict[str, Any]:
    return {
        "name": workspace.name,
        "change": workspace.seq,
        "blocks": workspace.documents,
        "versions": workspace.versions,
        "audit_entries": workspace.audit_entries,
        "keys": [
            {"epoch": key.epoch, "provider": key.provider, "fingerprint": key.fingerprint} for key in workspace.keys
        ],
    }
