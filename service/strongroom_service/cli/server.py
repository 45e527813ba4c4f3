"""``strongroom server``: serve the registry to a team."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import facts, print_json
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom_service.settings import ServerSettings

_FILE = click.Path(path_type=Path)


@group("server", examples="strongroom server start")
def server() -> None:
    """Serve the registry to a team, over HTTP."""


@server.command(
    "start",
    examples="""
        strongroom server start
        strongroom server start --port 0 --token-file first-token
        strongroom server start --host 0.0.0.0 --tls-cert server.crt \\
            --tls-key server.key
        STRONGROOM_REGISTRY=postgresql://strongroom@db/strongroom \\
            strongroom server start --workers 4
    """,
)
@click.option("--host", metavar="ADDRESS", help="Where to listen; only 127.0.0.1 and ::1 do without TLS.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 is any that is free. 8200 unless set.")
@click.option("--tls-cert", type=_FILE, help="The certificate chain, a PEM file; read again at SIGHUP.")
@click.option("--tls-key", type=_FILE, help="Its key, a PEM file.")
@click.option(
    "--insecure", is_flag=True, default=None, help="Serve others without TLS: whoever is on the way reads all."
)
@click.option("--workers", type=click.IntRange(1, 64), help="How many processes serve.")
@click.option("--grace", type=click.FloatRange(0, min_open=True), help="Seconds that requests have to end at SIGTERM.")
@click.option("--token-file", type=_FILE, help="Where the first administrator's token goes, rather than to the screen.")
@click.option("--access-log", metavar="FILE", help='A line of JSON for each request; "-" is standard output.')
@click.option("--metrics-open", is_flag=True, default=None, help="Let anybody read /metrics.")
def start(**given: Any) -> None:
    """Serve the registry that STRONGROOM_REGISTRY and STRONGROOM_KEY name, or the default one, which is made first.

    The first time, a token is shown that everything is allowed to. SIGTERM and Ctrl-C let requests end; a second one
    does not. What is not given comes from STRONGROOM_SERVER_… in the environment.
    """
    try:
        from strongroom_service.server.serving import serve
    except ModuleNotFoundError as error:
        raise CommandError(
            f"The service needs {error.name}, which is not installed.", 'Run `pip install "strongroom[service]"`.'
        ) from None
    settings = _settings(**{name: value for name, value in given.items() if value is not None})
    serve(settings, lambda text: click.echo(text, err=True))


def _settings(**given: Any) -> ServerSettings:
    """The settings of the environment, but for those that are given.

    :raises CommandError: one of them does not fit.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from strongroom_service.settings import ServerSettings
    from strongroom_service.telling import faults

    try:
        return ServerSettings(**given)
    except ValidationError as error:
        setting, _, told = faults(error).partition("; ")[0].partition(" ")
        problem = f"STRONGROOM_SERVER_{setting.upper()} {told}."
        raise CommandError(problem, "Set another value.", Exit.USAGE) from None
    except SettingsError:
        raise CommandError(
            "STRONGROOM_SERVER_TRUSTED_PROXIES is no list.", 'Write it as JSON: ["10.0.0.0/8"].', Exit.USAGE
        ) from None


@server.command(
    "status",
    examples="""
        strongroom server status                 # the one of this machine
        strongroom server status https://strongroom.example.com --cacert ca.pem --json
    """,
)
@click.argument("url", required=False)
@click.option("--cacert", type=_FILE, help="The certificate of whoever signed the server's, a PEM file.")
@json_option
def status(url: str | None, cacert: Path | None, as_json: bool) -> None:
    """Ask a server whether it is ready, and say why if it is not; then the exit code is 7.

    Without a URL, the one of this machine that STRONGROOM_SERVER_… speaks of, whatever its certificate: nothing secret
    is sent.
    """
    from strongroom_service.server.asking import ask, local_address

    address = url or local_address(_settings())
    found = ask(address, cacert, is_trusted=url is None)
    if as_json:
        print_json({"url": address, **found})
    else:
        facts([("Server", address), ("Ready", "yes" if found["ready"] else "no"), *found["checks"].items()])
    if not found["ready"]:
        raise SystemExit(Exit.STORE)


@server.command("openapi", examples="strongroom server openapi > openapi.json")
def openapi() -> None:
    """Print the description of the API, in OpenAPI 3.1."""
    from strongroom_service.http.openapi import openapi as described
    from strongroom_service.http.tables import all_routes

    print_json(described(all_routes()))


@server.command(
    "new-root-token",
    examples="""
        strongroom server new-root-token
        strongroom server new-root-token --token-file strongroom-token
    """,
)
@click.option("--token-file", type=_FILE, help="Where it goes, rather than to the screen.")
def new_root_token(token_file: Path | None) -> None:
    """Make a token that everything is allowed to, where the last one was lost. It takes the registry and its key, so it
    is for whoever can read all of it anyway. The audit says who did."""
    from strongroom_service.identity.caller import Caller
    from strongroom_service.server.first_token import keep_in_file
    from strongroom_service.service import Service

    with Service.open(create=False) as service:
        service.record(Caller(f"operator:{_user()}"), "new-root-token")
        made = service.tokens.make_root(name="new-root-token")
        if token_file is None:
            click.echo(made.token.text)
            return
        try:
            keep_in_file(made.token.text, token_file)
        except OSError:
            service.tokens.revoke(made.accessor)
            raise
        click.echo(f"The token stands in {token_file}.", err=True)


def _user() -> str:
    import getpass
    import os

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return str(os.getuid())
