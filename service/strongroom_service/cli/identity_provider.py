"""``strongroom identity provider``: who vouches for people and machines."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import print_json, printable
from strongroom.cli.teaching import group, json_option

from strongroom_service.cli import identity_records as records
from strongroom_service.cli.session import asked_service
from strongroom_service.cli.validation import text_of, validated


@group(
    "provider",
    aliases={"list": "ls", "remove": "rm", "delete": "rm", "put": "write", "read": "show"},
    examples="""
        strongroom identity provider write okta okta.yaml
        strongroom identity provider show okta > okta.yaml   # to change it
    """,
)
def provider() -> None:
    """Who vouches for people and machines: OpenID providers, issuers of tokens, Kubernetes clusters, AWS.

    A provider is a document of YAML or JSON. Rules say who gets what, by the claims that the provider makes.
    """


records.add_listing(provider, "providers")


@provider.command("show", examples="strongroom identity provider show okta")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a provider, in the form that `write` takes, without its secret."""
    from strongroom_service.api.identities import ProviderTold

    with asked_service() as client:
        told = client.get(f"{records.BASE}/providers{records.at(name)}", ProviderTold)
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    import yaml

    document = told.provider.model_dump(mode="json", exclude_defaults=True)
    document["settings"] = {"type": told.provider.settings.type, **document["settings"]}
    secret = ", with a secret that is not shown" if told.has_secret else ""
    click.echo(f"# provider {told.name}, version {told.version}{secret}")
    click.echo(printable(yaml.safe_dump(document, sort_keys=False, allow_unicode=True)), nl=False)


@provider.command(
    "write",
    examples="""
        strongroom identity provider write okta okta.yaml
        strongroom identity provider write okta okta.yaml --secret < client-secret.txt
    """,
)
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--secret", is_flag=True, help="Read its secret from the terminal or standard input; else it stays.")
@click.option("--new", is_flag=True, help="Only if there is no provider of this name.")
@json_option
def write(name: str, file: Path, secret: bool, new: bool, as_json: bool) -> None:
    """Write a provider from a file of YAML or JSON.

    Its settings have a type, what that takes (oidc: issuer and client_id; jwt: issuer and audiences; kubernetes: api or
    issuer, and audiences; aws: server), and rules, which say who gets which policies and groups for which claims. The
    secret of an OpenID client, or the token that a cluster is asked with, need not stand in the file.
    """
    from strongroom_service.api.identities import ProviderTold
    from strongroom_service.identity.providers.provider import ProviderRecord

    document = _document(file)
    if secret:
        kinds = {"oidc": "client_secret", "kubernetes": "reviewer_token"}
        field = kinds.get(str(document["settings"].get("type")))
        if field is None:
            raise CommandError("A provider of this type has no secret.", "Leave out --secret.", Exit.USAGE)
        document["settings"][field] = _secret()
    record = validated(ProviderRecord, document)
    condition = {"if_none_match": "*"} if new else {}
    with asked_service() as client:
        told = client.send("PUT", f"{records.BASE}/providers{records.at(name)}", record, ProviderTold, **condition)
    if as_json:
        print_json(told.model_dump(mode="json"))
    else:
        click.echo(f"The provider {told.name} is written: version {told.version}.")


def _document(file: Path) -> dict[str, dict[str, object]]:
    import yaml

    text = text_of(file)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("settings"), dict):
        raise CommandError(
            f"{file} holds no provider.", "Write it as YAML or JSON: `settings:` with type and rules.", Exit.USAGE
        )
    return document


def _secret() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Secret", hide_input=True, err=True))
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise CommandError("Nothing came in on standard input.", "Pipe the secret in.", Exit.USAGE)
    return text
