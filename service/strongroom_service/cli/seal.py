"""``strongroom seal``: a server whose key comes from shares that people keep."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import facts, print_json
from strongroom.cli.teaching import group, json_option

_LOCAL = "http://127.0.0.1:8200"
_FILE = click.Path(path_type=Path, dir_okay=False)


def _url(function: Any) -> Any:
    return click.argument("url", default=_LOCAL)(function)


def _cacert(function: Any) -> Any:
    shown = "The certificate of whoever signed the server's, a PEM file."
    return click.option("--cacert", type=_FILE, help=shown)(function)


@group(
    "seal",
    examples="""
        STRONGROOM_SERVER_SEAL=shamir strongroom server start
        strongroom seal init
        strongroom seal open
    """,
)
def seal() -> None:
    """Open a server whose key comes from shares.

    Such a server was started with STRONGROOM_SERVER_SEAL=shamir. URL is http://127.0.0.1:8200 where none is given.
    """


@seal.command(
    "status",
    examples="""
        strongroom seal status
        strongroom seal status https://strongroom.example.com --cacert ca.pem --json
    """,
)
@_url
@_cacert
@json_option
def status(url: str, cacert: Path | None, as_json: bool) -> None:
    """Ask a server how it stands with its seal."""
    _tell(_ask(url, "GET", "seal-status", cacert=cacert), as_json)


@seal.command(
    "init",
    examples="""
        strongroom seal init                             # 5 shares, of which 3 open
        strongroom seal init --shares 7 --threshold 4 https://strongroom.example.com
        strongroom seal init --shares 1 --threshold 1 --json > shares.json
    """,
)
@_url
@click.option("--shares", type=click.IntRange(1, 255), default=5, help="How many shares are made; 5 unless given.")
@click.option("--threshold", type=click.IntRange(1, 255), default=3, help="How many open the server; 3 unless given.")
@_cacert
@json_option
def init(url: str, shares: int, threshold: int, cacert: Path | None, as_json: bool) -> None:
    """Make the registry of a server, and print the shares of its key and a root token, this once.

    Give each share to somebody else. Without as many as the threshold says nobody opens the registry again.
    """
    body = {"secret_shares": shares, "secret_threshold": threshold}
    made = _ask(url, "PUT", "init", body, cacert=cacert)
    if as_json:
        print_json({"shares": made["keys"], "threshold": threshold, "root_token": made["root_token"]})
        return
    for number, share in enumerate(made["keys"], 1):
        click.echo(f"Share {number}: {share}")
    click.echo(f"Root token: {made['root_token']}")
    click.echo(f"Any {threshold} of the shares open the server: strongroom seal open {url}", err=True)


@seal.command(
    "open",
    examples="""
        strongroom seal open                    # asks for a share, and hides it
        strongroom seal open https://strongroom.example.com < share.txt
        strongroom seal open --reset            # forget those that were handed in
    """,
)
@_url
@click.option("--reset", is_flag=True, help="Have the server forget the shares that were handed in from here.")
@_cacert
@json_option
def open_(url: str, reset: bool, cacert: Path | None, as_json: bool) -> None:
    """Hand in one share, which standard input has. With the last one that it takes, the server begins to answer."""
    body: dict[str, Any] = {"reset": True} if reset else {"key": _share()}
    _tell(_ask(url, "PUT", "unseal", body, cacert=cacert), as_json)


@seal.command("close", examples="STRONGROOM_TOKEN=… strongroom seal close")
@_url
@_cacert
def close(url: str, cacert: Path | None) -> None:
    """Have a server forget its key, and answer nothing until it is opened again. Takes STRONGROOM_TOKEN."""
    token = os.environ.get("STRONGROOM_TOKEN", "")
    if not token:
        raise CommandError("Closing the seal takes a token that may.", "Set STRONGROOM_TOKEN.", Exit.USAGE)
    _ask(url, "PUT", "seal", {}, cacert=cacert, token=token)
    click.echo("The server is sealed.", err=True)


def _ask(
    url: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    cacert: Path | None = None,
    token: str = "",
) -> dict[str, Any]:
    from strongroom_service.seal.asking import ask_seal

    return ask_seal(url, method, path, body, token=token, authority=cacert)


def _share() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Share", hide_input=True, err=True)).strip()
    text = sys.stdin.readline(1024).strip()
    if not text:
        raise CommandError("Standard input has no share.", "Pipe one share in, on one line.", Exit.USAGE)
    return text


def _tell(found: dict[str, Any], as_json: bool) -> None:
    told = {
        "initialised": bool(found.get("initialized")),
        "sealed": bool(found.get("sealed")),
        "type": str(found.get("type", "")),
        "threshold": int(found.get("t", 0)),
        "shares": int(found.get("n", 0)),
        "given": int(found.get("progress", 0)),
    }
    if as_json:
        print_json(told)
        return
    state = "open" if not told["sealed"] else "closed" if told["initialised"] else "not made yet"
    lines: list[tuple[str, str]] = [("Seal", state), ("Type", str(told["type"]))]
    if told["threshold"]:
        lines.append(("Shares", f"{told['threshold']} of {told['shares']} open it"))
    if told["sealed"] and told["initialised"]:
        lines.append(("Given", f"{told['given']} of {told['threshold']}"))
    facts(lines)
