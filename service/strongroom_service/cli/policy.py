"""``strongroom policy``: who may do what, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, facts, listing, print_json, printable
from strongroom.cli.teaching import group, json_option

from strongroom_service.cli.session import asked_service
from strongroom_service.cli.validation import text_of, validated

if TYPE_CHECKING:
    from strongroom_service.api.policy_questions import Subject
    from strongroom_service.policies.policy import Policy

_REFERENCE = "See `strongroom policy write --help`."


@group(
    "policy",
    aliases={"list": "ls", "read": "show", "put": "write", "remove": "rm", "delete": "rm", "why": "explain"},
    examples="""
        strongroom policy write readers readers.yaml
        strongroom policy show readers
        strongroom policy test reveal analytics/prod-db
        strongroom policy explain reveal analytics/prod-db --policy readers
    """,
)
def policy() -> None:
    """Say who may do what, and ask why.

    A policy is a list of rules that allow or deny verbs on paths. A deny wins over every allow. Commands ask the server
    that STRONGROOM_REGISTRY names with the token of `strongroom login`; without a server they work on the registry
    itself.
    """


@policy.command("ls", examples="strongroom policy ls --json | jq -r '.[].name'")
@json_option
def ls(as_json: bool) -> None:
    """List the policies."""
    from strongroom_service.api.policies import PolicyList

    with asked_service() as client:
        rows = [line.model_dump() for page in client.all("/policies", PolicyList) for line in page.policies]
    columns = [
        Column("name", "Name", style="bold"),
        Column("rules", "Rules", right=True),
        Column("version", "Version", show=lambda version: str(version) if version else "reserved", right=True),
        Column("description", "Description", fold=True),
    ]
    listing(rows, columns, as_json=as_json, empty="There is no policy that you may list.")


@policy.command(
    "show",
    examples="""
        strongroom policy show readers
        strongroom policy show readers > readers.yaml   # to write back, changed
    """,
)
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a policy, in the form that `write` takes."""
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.policies import PolicyTold

    with asked_service() as client:
        told = client.get(f"/policies{at(name)}", PolicyTold)
    value = told.model_dump(mode="json", exclude_none=True)
    if as_json:
        print_json(value)
        return
    import yaml

    state = "reserved" if told.reserved else f"version {told.version}"
    document = {"description": told.description, "rules": value["rules"]}
    click.echo(f"# policy {told.name}, {state}")
    click.echo(printable(yaml.safe_dump(document, sort_keys=False, allow_unicode=True)), nl=False)


@policy.command(
    "write",
    examples="""
        strongroom policy write readers readers.yaml
        strongroom policy write readers readers.yaml --new   # only if there is none
        strongroom policy write readers - --version 3 < readers.json

        # readers.yaml
        rules:
          - {effect: allow, paths: ["analytics/*"], verbs: [list, view, reveal]}
          - {effect: deny, paths: ["analytics/payroll-*"], verbs: ["*"]}
    """,
)
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--new", is_flag=True, help="Only if there is no policy of this name.")
@click.option("--version", type=click.IntRange(1), help="Only if this is the version that is there.")
@json_option
def write(name: str, file: Path, new: bool, version: int | None, as_json: bool) -> None:
    """Write a policy from a file of YAML or JSON; "-" is standard input.

    It has rules, each with an effect, paths, verbs, and "when: {addresses: [10.0.0.0/8]}" if it counts from there
    alone. A path is WORKSPACE/NAME, or :service/… for what is the service's; * stands for a part of a name, /** for
    all beneath, and @stable or @3 behind a block for one version. Verbs are list, view, reveal, write, label, delete,
    destroy, rotate and administer.
    """
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.policies import PolicyTold
    from strongroom_service.client import only_at

    if new and version is not None:
        raise click.UsageError("--new and --version exclude each other.")
    document = _read_policy(file)
    condition = only_at(version or 0) if new or version else {}
    with asked_service() as client:
        told = client.send("PUT", f"/policies{at(name)}", document, PolicyTold, **condition)
    if as_json:
        print_json(told.model_dump(mode="json", exclude_none=True))
    else:
        click.echo(f"The policy {told.name} is written: version {told.version}. It counts from now on.")


@policy.command("rm", examples="strongroom policy rm readers")
@click.argument("name")
@json_option
def rm(name: str, as_json: bool) -> None:
    """Remove a policy. Tokens that name it go on without it."""
    from strongroom_registry.remote.connection import at

    with asked_service() as client:
        client.do("DELETE", f"/policies{at(name)}")
    if as_json:
        print_json({"removed": name})
    else:
        click.echo(f"The policy {name} is removed.")


_for_option = click.option("--for", "identity", metavar="IDENTITY", help="Ask for somebody: user:alice, account:etl.")
_policy_option = click.option("--policy", "names", multiple=True, help="Ask for somebody with this policy; repeatable.")
_file_option = click.option(
    "--file", type=click.Path(path_type=Path, allow_dash=True), help="Ask for somebody with the policy in this file."
)
_fact_option = click.option(
    "--fact",
    "known",
    multiple=True,
    metavar="NAME=VALUE",
    help="What is known of them: name=alice, metadata.team=data.",
)
_from_option = click.option("--from", "address", default="", metavar="ADDRESS", help="Where they ask from.")


@policy.command(
    "test",
    examples="""
        strongroom policy test reveal analytics/prod-db
        strongroom policy test view analytics/prod-db@stable --policy readers
        strongroom policy test write analytics/x --file draft.yaml \\
            --fact name=alice
    """,
)
@click.argument("verb")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_for_option
@_policy_option
@_file_option
@_fact_option
@_from_option
@json_option
def test(
    verb: str, paths: tuple[str, ...], identity: str | None, names: tuple[str, ...], file: Path | None,
    known: tuple[str, ...], address: str, as_json: bool,
) -> None:  # fmt: skip
    """Ask whether something is allowed: to you, or to somebody with other policies. Exits with 4 unless all is."""
    from strongroom_service.api.policy_questions import Question, Test, TestTold

    checks = tuple(validated(Question, {"verb": verb, "path": path}, remedy=_REFERENCE) for path in paths)
    asked = Test(checks=checks, subject=_subject(identity, names, file, known, address))
    with asked_service() as client:
        told = client.send("POST", "/policies/:test", asked, TestTold)
    rows = [result.model_dump(mode="json") for result in told.results]
    columns = [
        Column("allowed", "Allowed", show=lambda yes: "yes" if yes else "no", style=lambda yes: "" if yes else "red"),
        Column("verb", "Verb"),
        Column("path", "Path", style="bold"),
        Column("why", "Why", fold=True),
    ]
    for missing in told.missing:
        click.echo(f"There is no policy {printable(missing)}, so it allows nothing.", err=True)
    listing(rows, columns, as_json=as_json, empty="")
    if not all(result.allowed for result in told.results):
        raise SystemExit(Exit.REFUSED)


@policy.command(
    "explain",
    examples="""
        strongroom policy explain reveal analytics/prod-db
        strongroom policy explain reveal analytics/prod-db --for user:alice
        strongroom policy explain reveal analytics/prod-db --from 10.1.2.3
    """,
)
@click.argument("verb")
@click.argument("path")
@_for_option
@_policy_option
@_file_option
@_fact_option
@_from_option
@json_option
def explain(
    verb: str, path: str, identity: str | None, names: tuple[str, ...], file: Path | None, known: tuple[str, ...],
    address: str, as_json: bool,
) -> None:  # fmt: skip
    """Say why something is allowed or not: which rule decides, what each other one has to say, what would have to
    change."""
    from strongroom_service.api.policy_questions import Explain, ExplanationTold

    subject = _subject(identity, names, file, known, address)
    asked = validated(Explain, {"verb": verb, "path": path}, remedy=_REFERENCE).model_copy(update={"subject": subject})
    with asked_service() as client:
        told = client.send("POST", "/policies/:explain", asked, ExplanationTold)
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    facts(
        [
            ("May", f"{'yes' if told.allowed else 'no'}: {told.why}"),
            ("Policies", ", ".join(told.policies)),
            ("Missing", ", ".join(told.missing)),
            ("Remedy", told.remedy),
        ],
        {"May": "green" if told.allowed else "red"},
    )
    rows: list[dict[str, Any]] = [rule.model_dump() for rule in told.rules]
    columns = [
        Column("policy", "Policy", style="bold"),
        Column("rule", "Rule", right=True),
        Column("effect", "Effect"),
        Column("applies", "Applies", show=lambda yes: "yes" if yes else "no"),
        Column("why", "It", fold=True),
    ]
    if rows:
        click.echo()
        listing(rows, columns, as_json=False, empty="")


def _subject(
    identity: str | None, names: tuple[str, ...], file: Path | None, known: tuple[str, ...], address: str
) -> Subject | None:
    from strongroom_service.api.policy_questions import Subject

    if not (identity or names or file or known or address):
        return None
    pairs = dict(fact.partition("=")[::2] for fact in known)
    draft = _read_policy(file) if file is not None else None
    given = {"identity": identity, "policies": names, "facts": pairs, "address": address}
    asked = validated(Subject, given, remedy=_REFERENCE)
    return asked.model_copy(update={"draft": draft})


def _read_policy(file: Path) -> Policy:
    import yaml

    from strongroom_service.policies.policy import Policy

    text = text_of(file)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict):
        raise CommandError(
            f"{file} holds no policy.", "Write it as YAML or JSON: `rules:` with effect, paths and verbs.", Exit.USAGE
        )
    return validated(Policy, document, remedy=_REFERENCE)
