"""``strongroom init``: create the registry and its key, and say what to back up."""

from __future__ import annotations

import io
from contextlib import nullcontext, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import facts, print_json
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry


@command(
    "init",
    examples="""
        strongroom init
        strongroom init --key file:/mnt/keys/sr.key     # made if it is not there
        strongroom init --key passphrase:               # asks for one
        strongroom init --key keyring:strongroom/main   # in the keyring
        STRONGROOM_HOME=/srv/strongroom strongroom init
    """,
)
@click.option("--key", "key_uri", metavar="URI", help="Where the key is kept: file:/path, env:NAME, passphrase:, …")
@json_option
def init(key_uri: str | None, as_json: bool) -> None:
    """Create the registry and its key, and say what to back up.

    Where there is a registry already, only says where. Without --key and STRONGROOM_KEY, a new key is written
    to ~/.config/strongroom/keys, apart from the data.
    """
    from strongroom_registry.keys import default_key_path
    from strongroom_registry.remote.address import is_remote
    from strongroom_registry.settings import RegistrySettings
    from strongroom_registry.stores import shown

    settings = RegistrySettings()
    if is_remote(settings.url):
        raise CommandError(
            "A server keeps the registry of the settings, and made it.", "Sign in: strongroom login", Exit.USAGE
        )
    key = key_uri or settings.key
    registry, made = _open_or_make(key)
    with registry:
        place = key or f"file:{default_key_path(registry.store_id)}"
        url = shown(settings.url)
        shape = {
            "created": made,
            "registry": url,
            "key": place,
            "workspace": registry.workspace,
            "store_id": str(registry.store_id),
        }
    if as_json:
        print_json(shape)
        return
    click.echo("The registry is ready." if made else "There is a registry already; it opens with its key.")
    click.echo()
    facts([("Registry", _path(url)), ("Key", _path(place)), ("Workspace", registry.workspace)])
    click.echo()
    click.echo("Back up both, apart from each other. Without the key nobody can read the registry again.")
    if key_uri and key_uri != settings.key:
        click.echo(f"Tell Strongroom where the key is, from now on: export STRONGROOM_KEY={key_uri}")
    if made:
        click.echo("A second way in, for the safe: strongroom keys recovery-kit")
        click.echo("Next: strongroom block new secret my-token")


def _open_or_make(key: str | None) -> tuple[Registry, bool]:
    from strongroom_registry.errors import StoreUnavailable
    from strongroom_registry.opening import open_registry

    try:
        return open_registry(key=key, create=False), False
    except StoreUnavailable:
        pass
    _generate(key)
    with (
        redirect_stderr(io.StringIO()) if key is None else nullcontext()
    ):  # this command says itself where the key lies
        return open_registry(key=key), True


def _generate(key: str | None) -> None:
    from strongroom_registry.keys import GeneratesKey, resolve

    provider = resolve(key) if key is not None else None
    if isinstance(provider, GeneratesKey):
        provider.generate()


def _path(url: str) -> str:
    for scheme in ("sqlite:///", "file:"):
        if url.startswith(scheme):
            return str(Path(url.removeprefix(scheme)).expanduser())
    return url
