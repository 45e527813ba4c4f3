"""``strongroom apply``: have the registry be as files say."""

from __future__ import annotations

import click

from strongroom.cli.import_report import ImportReport
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option


@command(
    "apply",
    examples="""
        strongroom apply -f blocks.yaml --diff --dry-run
        strongroom apply -f team.yaml -f shared.yaml -m "$(git rev-parse HEAD)"
        strongroom apply -f team.yaml --prune 'team-*'
    """,
)
@click.option("-f", "--file", "files", multiple=True, required=True, metavar="FILE", help="YAML or JSON; repeatable.")
@click.option("--diff", is_flag=True, help="Show what changes, field by field, without secrets.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--prune", multiple=True, metavar="GLOB", help="Delete blocks that fit and that no file describes.")
@click.option("--allow-plain-secrets", is_flag=True, help="Take secrets that stand in the files in clear.")
@click.option("-m", "--message", default="", help="What the history says of new versions.")
@json_option
def apply(
    files: tuple[str, ...], diff: bool, dry_run: bool, prune: tuple[str, ...], allow_plain_secrets: bool,
    message: str, as_json: bool,
) -> None:  # fmt: skip
    """Have the registry be as files under version control say.

    Blocks are created and changed, and what is the same is left alone. A file describes blocks by name, type, labels
    and fields. Secrets stand in it as references ({$source: "env:NAME"}), other blocks as {$block: NAME}. Everything is
    checked before anything is written.
    """
    from strongroom.interchange.desired import planned_changes, pruned, read_desired

    desired = read_desired(files)
    with opened_registry(create=not dry_run) as registry:
        steps = planned_changes(registry, desired, message=message, allow_plain=allow_plain_secrets)
        steps += pruned(registry, desired, prune, message)
        ImportReport(dry_run=dry_run, as_json=as_json, diff=diff).run(registry, steps)
