"""``strongroom login`` and ``strongroom logout``: be known to a server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import facts, moment, print_json, printable
from strongroom.cli.teaching import command, json_option

from strongroom_service.cli.session import asked_service

if TYPE_CHECKING:
    from pydantic import BaseModel
    from strongroom_registry.remote.address import Address

    from strongroom_service.api.token_shapes import IssuedToken, TokenTold
    from strongroom_service.client import Client

METHODS = ("password", "oidc", "approle", "token", "jwt", "kubernetes", "aws")
POD_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  # where Kubernetes puts it
_NOBODY = "nobody"


@command(
    "login",
    examples="""
        strongroom login                                  # a name and a password
        strongroom login --provider okta                  # in the browser
        strongroom login --method token < token.txt       # that somebody made

        # the secret id is asked for, or in $STRONGROOM_SECRET_ID
        strongroom login --method approle --role-id 6f0a5b22
        strongroom login --provider prod-cluster          # in a pod
        strongroom login --provider aws                   # by the role of a machine
    """,
)
@click.option("--method", type=click.Choice(METHODS), help="How; by default the provider's, or with a password.")
@click.option("--provider", metavar="NAME", help="Who vouches for you, as the server calls them.")
@click.option("--name", help="Your name, for a password; asked for if not given.")
@click.option("--role-id", help="The role id of a machine.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Where the signed token lies that you log in with.")
@click.option("--no-browser", is_flag=True, help="Print the address to open, and open no browser.")
@click.option("--print", "show", is_flag=True, help="Print the token, and keep it nowhere.")
@json_option
def login(
    method: str | None, provider: str | None, name: str | None, role_id: str | None, token_file: Path | None,
    no_browser: bool, show: bool, as_json: bool,
) -> None:  # fmt: skip
    """Be known to the server that keeps the registry.

    STRONGROOM_REGISTRY names the server. The token that it gives is kept for later commands: it lies in a file of your
    own below ~/.config/strongroom/tokens, one for each server. STRONGROOM_TOKEN goes before it.
    """
    address = _server()
    if method == "token":
        _keep_given(address, as_json)
        return
    with asked_service(token=_NOBODY) as client:
        how = method or _method_of(client, provider)
        made = _logged_in(client, how, provider, name, role_id, token_file, no_browser)
    if show:
        click.echo(made.token)
        return
    _keep(address, made.token, made.about, as_json)


@command("logout", examples="strongroom logout")
@json_option
def logout(as_json: bool) -> None:
    """Be known to it no more.

    The token that is kept for the server is revoked, with all that were made with it, and forgotten.
    """
    from strongroom_registry.errors import TokenRefused
    from strongroom_registry.remote.token import forget_token, kept_token

    from strongroom_service.api.token_shapes import Ended

    address = _server()
    token = kept_token(address)
    if token is None:
        raise CommandError(f"There is no token for {address}.", "You are logged out already.", Exit.NOT_FOUND)
    ended = 0
    try:
        with asked_service(token=token) as client:
            ended = client.send("DELETE", "/tokens/self", None, Ended).ended
    except TokenRefused:
        ended = 0  # it had expired, or been revoked
    forget_token(address)
    if as_json:
        print_json({"server": str(address), "ended": ended})
    else:
        click.echo(f"Logged out of {address}." + ("" if ended else " The token was none any more."))


def _logged_in(
    client: Client, method: str, provider: str | None, name: str | None, role_id: str | None, token_file: Path | None,
    no_browser: bool,
) -> IssuedToken:  # fmt: skip
    from strongroom_service.api.auth import AppRoleLogin, PasswordLogin, SignedToken

    if method == "password":
        if name is None and not sys.stdin.isatty():
            raise click.UsageError("Nobody can be asked for a name here. Give --name, and pipe the password in.")
        who = name or str(click.prompt("Name", err=True))
        return _asked(client, "/auth/password/login", PasswordLogin(name=who, password=_hidden("Password")))
    if method == "approle":
        if role_id is None:
            raise click.UsageError("A machine logs in with --role-id.")
        secret = os.environ.get("STRONGROOM_SECRET_ID") or _hidden("Secret id")
        return _asked(client, "/auth/approle/login", AppRoleLogin(role_id=role_id, secret_id=secret))
    if provider is None:
        raise click.UsageError(f"--method {method} takes --provider.")
    if method == "oidc":
        return _with_browser(client, provider, no_browser)
    if method == "aws":
        return _by_aws(client, provider)
    if method == "jwt" and token_file is None:
        raise click.UsageError("--method jwt takes --token-file.")
    text = _read(token_file or Path(POD_TOKEN))
    return _asked(client, f"/auth/{method}{_at(provider)}/login", SignedToken(token=text))


def _with_browser(client: Client, provider: str, no_browser: bool) -> IssuedToken:
    from strongroom_service.api.auth import OidcFinish, OidcStart, OidcStarted
    from strongroom_service.cli.browser_sign_in import opened_in_browser, waiting

    path = f"/auth/oidc{_at(provider)}"
    with waiting() as port:
        started = client.send("POST", f"{path}/start", OidcStart(redirect_uri=port.redirect_uri), OidcStarted)
        if no_browser or not opened_in_browser(started.url):
            click.echo(f"Open this address in a browser of this machine:\n{printable(started.url)}", err=True)
        else:
            click.echo("Sign in in the browser that opened.", err=True)
        back = port.back(started.state)
    finish = OidcFinish(state=back.state, secret=started.secret, code=back.code, issuer=back.issuer)
    return _asked(client, f"{path}/finish", finish)


def _by_aws(client: Client, provider: str) -> IssuedToken:
    from strongroom_service.api.auth import AwsAsked, AwsLogin

    try:
        from botocore.session import get_session

        from strongroom_service.cli.aws_signature import signed_request
    except ModuleNotFoundError:
        raise CommandError(
            "To log in by AWS needs botocore, which is not installed.", 'Run `pip install "strongroom[aws]"`.'
        ) from None
    asked = client.get(f"/auth/aws{_at(provider)}", AwsAsked)
    credentials = get_session().get_credentials()
    if credentials is None:
        raise CommandError("There are no credentials of AWS here.", "Set a profile, or run where there is a role.")
    signed = signed_request(
        credentials.get_frozen_credentials(), sts=asked.sts, region=asked.region, server=asked.server
    )
    body = AwsLogin(authorization=signed.authorization, date=signed.date, session_token=signed.session_token)
    return _asked(client, f"/auth/aws{_at(provider)}/login", body)


def _keep_given(address: Address, as_json: bool) -> None:
    """Keep a token that somebody made, once the server has said that it is one."""
    from strongroom_service.api.token_shapes import TokenTold

    token = _hidden("Token")
    with asked_service(token=token) as client:
        about = client.get("/tokens/self", TokenTold)
    _keep(address, token, about, as_json)


def _keep(address: Address, token: str, about: TokenTold, as_json: bool) -> None:
    from strongroom_registry.remote.token import keep_token

    path = keep_token(address, token)
    if as_json:
        print_json({"server": str(address), "file": str(path), **about.model_dump(mode="json")})
        return
    click.echo(f"Logged in to {address}.")
    facts(
        [
            ("You are", about.identity),
            ("Policies", ", ".join(about.policies)),
            ("Until", moment(about.expires) or "revoked"),
            ("Kept in", str(path)),
        ]
    )
    if os.environ.get("STRONGROOM_TOKEN"):
        click.echo("STRONGROOM_TOKEN is set, and goes before it.", err=True)


def _method_of(client: Client, provider: str | None) -> str:
    from strongroom_service.api.auth import Methods

    if provider is None:
        return "password"
    known = {one.name: one.type for one in client.get("/auth/methods", Methods).providers}
    if provider not in known:
        names = ", ".join(sorted(known)) or "none"
        raise CommandError(f"The server has no provider of this name; it has: {names}.", "See --provider.", Exit.USAGE)
    return known[provider]


def _asked(client: Client, path: str, body: BaseModel) -> IssuedToken:
    from strongroom_service.api.token_shapes import IssuedToken

    return client.send("POST", path, body, IssuedToken)


def _at(name: str) -> str:
    from strongroom_registry.remote.connection import at

    return at(name)


def _server() -> Address:
    from strongroom_registry.remote.address import Address, is_remote
    from strongroom_registry.remote.settings import RemoteSettings
    from strongroom_registry.settings import RegistrySettings

    url = RegistrySettings().url
    if not is_remote(url):
        raise CommandError(
            "The registry of the settings is no server, so there is nobody to log in to.",
            "Set STRONGROOM_REGISTRY=https://…",
            Exit.USAGE,
        )
    return Address.parse(url, insecure=RemoteSettings().insecure)


def _hidden(what: str) -> str:
    """What is secret: asked for on a terminal, else the first line of standard input; never an argument."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, err=True))
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise CommandError(f"Nothing came in on standard input for: {what.lower()}.", "Pipe it in.", Exit.USAGE)
    return text


def _read(path: Path) -> str:
    text = path.read_text("utf-8", "replace").strip()
    if not text:
        raise CommandError(f"{path} is empty.", "Give another file with --token-file.", Exit.USAGE)
    return text
