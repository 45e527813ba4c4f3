"""``strongroom anchor``: what finds that the whole registry was put back to an earlier moment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.kept_anchor import anchor_place, anchor_store, kept_anchor
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import facts, print_json
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom_registry.anchor import Anchor
    from strongroom_registry.anchors import AnchorStore
    from strongroom_registry.registry import Registry


@group(
    "anchor",
    examples="""
        export STRONGROOM_ANCHOR=file:/mnt/elsewhere/anchors
        strongroom anchor write        # the first one
        strongroom anchor check
    """,
)
def anchor() -> None:
    """Find a registry that was put back to an older copy.

    An anchor is a line that says where the registry stood, kept apart from it in the place that STRONGROOM_ANCHOR
    names. Every command and flow then refuses a registry that is older, and moves the anchor on after each change.
    """


@anchor.command(
    "show",
    examples="""
        strongroom anchor show
        strongroom anchor show --json | jq -r .registry.anchor   # to keep on paper
    """,
)
@json_option
def show(as_json: bool) -> None:
    """Show what the anchor says, and where the registry stands. Compares nothing."""
    place = anchor_place()
    with opened_registry(anchor="") as registry:
        here, kept = registry.anchor(), kept_anchor(registry)
    if as_json:
        print_json({"place": place, "kept": kept and _shape(kept), "registry": _shape(here)})
        return
    facts(
        [
            ("Place", place or "not set: STRONGROOM_ANCHOR"),
            ("Kept", _words(kept) if kept else "nothing"),
            ("Registry", _words(here)),
            ("As a line", here.line),
        ]
    )


@anchor.command(
    "check",
    examples="""
        strongroom anchor check
        strongroom anchor check strongroom-anchor-v1:00000001…   # from paper
    """,
)
@click.argument("line", required=False, metavar="[ANCHOR]")
@json_option
def check(line: str | None, as_json: bool) -> None:
    """Hold the registry against its anchor, or against the one that is given. Exits with 6 if it is older."""
    from strongroom_registry.anchor import Anchor

    if line is None:
        _configured()
        with opened_registry() as registry:  # refuses what is older
            here, kept = registry.anchor(), kept_anchor(registry)
    else:
        kept = Anchor.parse(line)
        with opened_registry(anchor="") as registry:
            registry.check_anchor(kept)
            here = registry.anchor()
    if as_json:
        print_json({"ok": True, "kept": kept and _shape(kept), "registry": _shape(here)})
    else:
        further = "" if kept is None or kept.seq == here.seq else f", and went on to {_words(here)}"
        click.echo(f"The registry comes of what its anchor says: {_words(kept or here)}{further}.")


@anchor.command(
    "write",
    examples="""
        strongroom anchor write
        strongroom anchor write --reset      # after a backup was restored on purpose
    """,
)
@click.option("--reset", is_flag=True, help="Accept the registry as it is, though the anchor says that it was further.")
@yes_option
@json_option
def write(reset: bool, yes: bool, as_json: bool) -> None:
    """Write the first anchor, or move the one that is there to where the registry stands.

    Refused where the registry is older than its anchor, unless --reset says that this is meant.
    """
    places = _configured()
    with opened_registry(anchor="") as registry:
        if reset and not yes:
            _confirm_reset(registry)
        written = registry.write_anchor(places, reset=reset)
    if _lies_beside_the_registry(places.uri):
        note = "That is the folder of the registry, so that both are put back together. Keep the anchor elsewhere."
        click.echo(note, err=True)
    if as_json:
        print_json({"place": places.uri, "kept": _shape(written)})
    else:
        click.echo(f"The anchor at {places.uri} says: {_words(written)}.")


def _confirm_reset(registry: Registry) -> None:
    from strongroom_registry.errors import AnchorTampered

    try:
        kept = kept_anchor(registry)
        was = f"The anchor says {_words(kept)}" if kept else "There is no anchor"
    except AnchorTampered:
        was = "The anchor cannot be read"
    consequence = f"{was}, the registry is at {_words(registry.anchor())}. What came in between is given up."
    confirm(registry.workspace, to="accept", done="changed", consequence=consequence)


def _lies_beside_the_registry(place: str) -> bool:
    from strongroom_registry.settings import RegistrySettings

    scheme, _, path = RegistrySettings().url.partition("sqlite:///")
    if scheme or not path or not place.startswith("file:"):
        return False
    folder = Path(path).expanduser().resolve().parent
    return folder in Path(place.removeprefix("file:")).resolve().parents


def _configured() -> AnchorStore:
    store = anchor_store()
    if store is None:
        raise CommandError(
            "STRONGROOM_ANCHOR is not set.", "Set it to a place apart from the registry: file:/path", Exit.USAGE
        )
    return store


def _shape(anchor: Anchor) -> dict[str, Any]:
    return {"change": anchor.seq, "audit_entry": anchor.audit_seq, "epoch": anchor.epoch, "anchor": anchor.line}


def _words(anchor: Anchor) -> str:
    return f"change {anchor.seq}, audit entry {anchor.audit_seq}"
