"""``strongroom import``: take over what other systems keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.import_report import ImportReport
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import Teaching, TeachingGroup, command, json_option

if TYPE_CHECKING:
    from strongroom.interchange.found import Found


def _options(function: Any) -> Any:
    for option in reversed((
        click.option("--only", multiple=True, metavar="GLOB", help="Only what fits; can be repeated."),
        click.option("--prefix", default="", metavar="TEXT", help="Put this before every name."),
        click.option("--overwrite", is_flag=True, help="Save a new version where a block differs."),
        click.option("-m", "--message", default="", help="What the history says; by default where it comes from."),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing."),
        json_option,
    )):  # fmt: skip
        function = option(function)
    return function


class _Kinds(TeachingGroup):
    """The importers that are built in, then those that packages register."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from strongroom.interchange.importers import registered

        return [*self.commands, *(kind for kind in registered() if kind not in self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        built_in = super().get_command(ctx, cmd_name)
        return built_in or _of_package(cmd_name)


class _OfPackage(Teaching):
    """An importer of a package, which says itself what its places are: the first paragraph of its docstring."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from inspect import getdoc

        from strongroom.interchange.importers import importer

        super().format_help_text(ctx, formatter)
        told = (getdoc(importer(self.name or "")) or "").partition("\n\n")[0].replace("``", "'")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(told)


def _of_package(kind: str) -> click.Command | None:
    from strongroom.interchange.importers import importer, registered

    if kind not in registered():
        return None

    @click.command(
        kind,
        cls=_OfPackage,
        help=f"Import from {kind}.",
        examples=f"strongroom import {kind} PLACE --dry-run",
    )
    @click.argument("places", nargs=-1, metavar="[PLACE]...")
    @_options
    def run(places: tuple[str, ...], **options: Any) -> None:
        _run(kind, lambda: importer(kind)(places), options)

    return run


@click.group(
    "import",
    cls=_Kinds,
    examples="""
        strongroom import airflow --dry-run        # AIRFLOW_CONN_…, AIRFLOW_VAR_…
        strongroom import prefect blocks.json
        strongroom import dotenv .env --prefix app-
        strongroom import strongroom team.export   # what 'strongroom export' wrote
    """,
)
def import_() -> None:
    """Take over what Airflow, Prefect and others keep.

    Connections, variables, secrets and blocks become blocks. A second run writes nothing where all is the same. What
    is there already and differs is a conflict, and stays as it is unless --overwrite is given. No value is ever shown.
    """


@command(
    "airflow",
    examples="""
        strongroom import airflow           # from AIRFLOW_CONN_… and AIRFLOW_VAR_…
        strongroom import airflow connections.json --dry-run
        strongroom import airflow connections.yaml --variables variables.json
    """,
)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--variables", multiple=True, metavar="FILE", help="A file of variables; can be repeated.")
@click.option("--as-connections", is_flag=True, help="Leave AWS connections connections, too.")
@_options
def airflow(files: tuple[str, ...], variables: tuple[str, ...], as_connections: bool, **options: Any) -> None:
    """Import Airflow's connections and variables.

    FILE is what 'airflow connections export' wrote: JSON, YAML or name=value lines, with connections as URIs, as JSON
    or as objects. Without any file, the variables AIRFLOW_CONN_… and AIRFLOW_VAR_… are read. A connection becomes a
    block of type connection, an AWS one of type aws-credentials, a variable a secret.
    """
    from strongroom.interchange import airflow as source

    def found() -> Iterable[Found]:
        if not files and not variables:
            yield from source.from_environment(as_connections=as_connections)
        for path in files:
            yield from source.from_connections(path, as_connections=as_connections)
        for path in variables:
            yield from source.from_variables(path)

    _run("airflow", found, options)


@command(
    "prefect",
    examples="""
        strongroom import prefect blocks.json --dry-run
        curl -s "$PREFECT_API_URL/block_documents/filter" \\
            --json '{"include_secrets": true}' | strongroom import prefect -
    """,
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_options
def prefect(files: tuple[str, ...], **options: Any) -> None:
    """Import block documents of Prefect from JSON.

    FILE is what its API or command line gives; it has to be read with its secrets. A document inside of another one
    becomes a block of its own, which the other refers to. A type that is not known here becomes a connection.
    """
    from strongroom.interchange import prefect as source

    _run("prefect", lambda: source.from_files(files), options)


@command(
    "dotenv",
    examples="""
        strongroom import dotenv .env --prefix app- --dry-run
        strongroom import dotenv .env --as app-settings    # one secret with all
    """,
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--as", "together", metavar="NAME", help="Save one secret of this name, a mapping of all variables.")
@_options
def dotenv(files: tuple[str, ...], together: str | None, **options: Any) -> None:
    """Import the variables of .env files, each as a secret.

    A secret has the name of its variable in small letters. ${NAME} stands for what the file
    sets before; the environment has no part in it.
    """
    from strongroom.interchange import dotenv as source

    _run("dotenv", lambda: source.from_files(files, together=together), options)


@command(
    "strongroom",
    examples="""
        strongroom import strongroom team.export --dry-run
        strongroom import strongroom team.export --key file:team.key --prefix team-
    """,
)
@click.argument("file", metavar="FILE")
@click.option("--key", "keys", multiple=True, metavar="KEY-URI", help="A key that may open it; can be repeated.")
@_options
def strongroom(file: str, keys: tuple[str, ...], **options: Any) -> None:
    """Import what 'strongroom export' wrote, sealed or plain.

    Blocks that are new come with the versions and labels that the file has; of those that are there, the current
    version is compared. The passphrase is $STRONGROOM_FILE_PASSPHRASE, or asked for; another key has to be named.
    """
    from fnmatch import fnmatchcase

    from strongroom.interchange.reimport import planned
    from strongroom.interchange.sealed import read_export

    records = read_export(file, keys)
    if options["only"]:
        records = [record for record in records if any(fnmatchcase(record.name, glob) for glob in options["only"])]
    report = ImportReport(dry_run=options["dry_run"], as_json=options["as_json"])
    with opened_registry(create=not options["dry_run"]) as registry:
        report.run(
            registry,
            planned(
                registry, records, prefix=options["prefix"], overwrite=options["overwrite"], message=options["message"]
            ),
        )


for _command in (airflow, prefect, dotenv, strongroom):
    import_.add_command(_command)


def _run(kind: str, find: Callable[[], Iterable[Found]], options: dict[str, Any]) -> None:
    from fnmatch import fnmatchcase

    from strongroom.interchange.plan import planned

    wanted = options["only"]
    found = [item for item in find() if not wanted or any(fnmatchcase(item.source, glob) for glob in wanted)]
    if not found:
        raise CommandError("There is nothing to import.", "Check where it is read from, and --only.", Exit.NOT_FOUND)
    report = ImportReport(dry_run=options["dry_run"], as_json=options["as_json"])
    with opened_registry(create=not options["dry_run"]) as registry:
        message = options["message"] or f"imported from {kind}"
        report.run(
            registry,
            planned(registry, found, prefix=options["prefix"], overwrite=options["overwrite"], message=message),
        )
