"""Writes ``settings.md`` from the settings themselves: ``python docs/reference/settings.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

PAGE = Path(__file__).with_name("settings.md")

HEAD = """\
# Settings

*This page is written by `python docs/reference/settings.py` from the settings themselves; a test keeps it current.*

Everything is set by environment variables. One that is set and does not fit is an error that names it; an empty one
counts as not set.

What is not set there for the registry can stand in `~/.config/strongroom/config.toml`, as `registry`, `key`, `anchor`,
`workspace` and `actor`: lines such as `workspace = "team-a"`, which `strongroom workspace use` writes. The first three
count only where neither `STRONGROOM_HOME` nor `STRONGROOM_REGISTRY` is set, since these name another registry.
"""

REGISTRY = {
    "STRONGROOM_HOME": ("`~/.strongroom`", "Where data lie: `registry.db`, `runs.db`, `storage/`. The key does not."),
    "STRONGROOM_REGISTRY": (
        "`registry.db` in the home",
        "The URL of the registry: `sqlite:///path`, [`postgresql://…`](../how-to/postgresql.md), `memory:` or a "
        "server's [`https://…`](../how-to/share-a-registry.md).",
    ),
    "STRONGROOM_KEY": ("a file in `~/.config/strongroom/keys/`", "Where the key is, see [keys](../how-to/keys.md)."),
    "STRONGROOM_PASSPHRASE": ("asked on a terminal", "The passphrase of a `passphrase:` key."),
    "STRONGROOM_FILE_PASSPHRASE": ("asked on a terminal", "The passphrase of a sealed export or index of `scan`."),
    "STRONGROOM_RECOVERY_CODE": (
        "asked on a terminal",
        "The [recovery code](../how-to/rotate-keys.md#a-second-way-in), where the key is `recovery:`.",
    ),
    "STRONGROOM_WORKSPACE": ("`default`", "The [workspace](../how-to/workspaces.md) in the registry."),
    "STRONGROOM_ANCHOR": ("none", "Where [anchors](../how-to/anchors.md) are kept, apart from the data: `file:/path`."),
    "STRONGROOM_ACTOR": ("user and host", "Who the audit says did it."),
    "STRONGROOM_SOURCES_TTL": (
        "what the source says, mostly 300",
        "For how many seconds secrets that [stay elsewhere](../how-to/secret-sources.md) are kept in memory, or 0.",
    ),
    "STRONGROOM_SOURCES_TIMEOUT": ("`10`", "How many seconds a source of secrets may take."),
    "STRONGROOM_SOURCES_ALLOWED": (
        "all",
        "Patterns, behind commas, of the references that may be resolved: `vault:kv/crm/*, env:CRM_*`.",
    ),
    "STRONGROOM_SOURCE_<SCHEME>": (
        "what the source finds by itself",
        "The name of a block with the credentials of a source: `STRONGROOM_SOURCE_VAULT` for `vault:`.",
    ),
    "STRONGROOM_BLOCK_MODULES": ("none", "Modules, behind commas, that define block types to be found by name."),
}


SERVER = (
    "\n## A registry that a server keeps\n",
    "See [share a registry](../how-to/share-a-registry.md). There, key, anchor and actor are the server's affair.\n",
)


def table(rows: dict[str, tuple[str, str]]) -> Iterator[str]:
    """The rows as Markdown."""
    yield from ("| variable | if not set | what it says |", "|---|---|---|")
    yield from (f"| `{name}` | {default} | {text} |" for name, (default, text) in rows.items())


def remote() -> dict[str, tuple[str, str]]:
    """The settings of a server's client, as their class describes them."""
    from strongroom_registry.remote.settings import RemoteSettings

    def default(field: FieldInfo) -> str:
        return "" if field.default is None else f"`{str(field.default).lower()}`"

    fields = RemoteSettings.model_fields.items()
    return {f"STRONGROOM_{name.upper()}": (default(field), field.description or "") for name, field in fields}


def runtime() -> dict[str, tuple[str, str]]:
    """The runtime's settings, as their class describes them."""
    from strongroom.settings import PREFIX, Settings

    def default(field: FieldInfo) -> str:
        return "" if field.default is None else f"`{str(field.default).lower()}`"

    fields = {name: field for name, field in Settings.model_fields.items() if name != "home"}
    return {f"{PREFIX}{name.upper()}": (default(field), field.description or "") for name, field in fields.items()}


def server() -> dict[str, tuple[str, str]]:
    """The settings of a server, as their class describes them."""
    from strongroom_service.settings import ServerSettings

    def default(field: FieldInfo) -> str:
        return "" if field.default in (None, "", ()) else f"`{str(field.default).lower()}`"

    fields = ServerSettings.model_fields.items()
    return {f"STRONGROOM_SERVER_{name.upper()}": (default(field), field.description or "") for name, field in fields}


def page() -> str:
    """The page."""
    parts = [
        HEAD,
        "## Registry and blocks\n",
        *table(REGISTRY),
        *SERVER,
        *table(remote()),
        "\n## The server\n",
        "What `strongroom server start` goes by, see [run the service](../how-to/run-the-service.md).\n",
        *table(server()),
        "\n## Runs\n",
        *table(runtime()),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.name}", file=sys.stderr)
