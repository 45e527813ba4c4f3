"""``strongroom demo``: the main job on embedded defaults, from an empty folder."""

from __future__ import annotations

import itertools
import json
import logging
import os
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import console, on_terminal, plain
from strongroom.cli.teaching import command

if TYPE_CHECKING:
    from strongroom.flows import Flow

FILES = Path(__file__).parent / "demo_files"
WIDTH = 76


@command(
    "demo",
    examples="""
        strongroom demo
        strongroom demo --keep shop     # leaves everything in the folder shop
    """,
)
@click.option("--keep", metavar="DIR", help="Work in this new folder, and leave everything there to look at.")
def demo(keep: str | None) -> None:
    """See it all at work in a minute, without setting anything up.

    Makes a registry and blocks, puts the orders of a small shop into a lake, and runs a flow that cleans them, loads
    them into DuckDB and has dbt build and test the tables. Then the lake moves, and the same flow runs there. Needs no
    network and leaves your own registry alone.
    """
    from strongroom_blocks import require_extra

    for module, extra in (("duckdb", "duckdb"), ("dbt.version", "dbt"), ("dbt.adapters.duckdb", "dbt")):
        require_extra(module, extra=extra)
    with _folder(keep) as folder, _settings_of(folder), _quiet_logs():
        Demo(folder, kept=keep is not None).play()


class Demo:
    """The demonstration, step by step, in a folder of its own."""

    def __init__(self, folder: Path, *, kept: bool) -> None:
        self.folder = folder
        self.kept = kept

    def play(self) -> None:
        """All of it."""
        from strongroom.entrypoints import load_flow

        shutil.copytree(FILES, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        self.create_registry()
        publish = load_flow(f"{self.folder / 'publish.py'}:publish")
        nightly = load_flow(f"{self.folder / 'flow.py'}:nightly")
        self.save_blocks()
        self.fill_lake(publish)
        self.run(nightly)
        self.move_lake(publish)
        self.run_again(nightly)
        self.say_what_next()

    def create_registry(self) -> None:
        from strongroom_registry.keys import generate_key_file
        from strongroom_registry.opening import open_registry

        key = generate_key_file(self.folder / "keys" / "demo.key")
        open_registry().close()
        _step("A registry, and its key apart from it", "Whatever is saved is sealed with that key.")
        _lines(f"registry  {self._shown('home/registry.db')}", f"key       {self._shown(key.path)}")

    def save_blocks(self) -> None:
        from strongroom_blocks.catalog import class_for

        class_for("local-folder")(basepath=self.folder / "berlin").save("lake", message="the shop in Berlin")
        class_for("shop-api")(base_url="https://shop.example.com", signing_key=secrets.token_urlsafe(24)).save(
            "shop-api"
        )
        warehouse = class_for("duckdb")(path=str(self.folder / "warehouse.duckdb"))
        warehouse.save("warehouse")
        profile = class_for("dbt-profile")(warehouse=warehouse)
        profile.save("shop-profile")
        class_for("dbt-project")(project_dir=self.folder / "shop", profile=profile).save("shop-dbt")
        _step(
            "Blocks, saved under names",
            "Typed, versioned, encrypted. Code asks for them by name, and secrets stay hidden.",
        )
        self._list_blocks()

    def fill_lake(self, publish: Flow[Any, Any]) -> None:
        _quietly(publish)
        _step(
            "Orders of a small shop, put into the lake", "As untidy as real ones: rows twice, dates wrong, ids missing."
        )
        from strongroom_blocks import Block

        for entry in Block.load("lake").list_objects():  # type: ignore[attr-defined]
            _lines(f"{entry.key:<22}{entry.size:>8,} bytes")

    def run(self, nightly: Flow[Any, Any]) -> None:
        _step(
            "The flow: fetch, clean, load, dbt build and test", "Every task and every dbt model is a run with a state."
        )
        rows = _quietly(nightly)
        self._draw_run()
        _table(rows)

    def move_lake(self, publish: Flow[Any, Any]) -> None:
        from strongroom_blocks.catalog import class_for
        from strongroom_registry.current import current

        from strongroom.cli.difference import compare

        lake = class_for("local-folder")(basepath=self.folder / "lisbon")
        lake.save("lake", overwrite=True, message="the shop in Lisbon")
        publish(country="PT", seed=11)
        _step("Version 2 of the block lake points elsewhere", "The flow stays as it is: not a line of it changes.")
        registry = current()
        for change in compare(registry.get("lake@1"), registry.get("lake@2")):
            _lines(
                f"lake@1  {change.field}  {self._shown(change.old)}",
                f"lake@2  {change.field}  {self._shown(change.new)}",
            )

    def run_again(self, nightly: Flow[Any, Any]) -> None:
        _step(
            "The same flow, run again: now it is Lisbon's orders",
            "lake@1 is still there: label it, compare it, go back to it.",
        )
        rows = _quietly(nightly)
        _table(rows)

    def say_what_next(self) -> None:
        if not self.kept:
            _step("What next", "All of this was in a temporary folder, which is gone now.")
            _lines(
                "strongroom demo --keep shop      the same, left in the folder shop to play with",
                "strongroom init                  a registry of your own",
                "strongroom block types           what can be saved",
            )
            return
        self._write_activate()
        folder = shlex.quote(os.path.relpath(self.folder))
        _step("What next", f"Everything is in {folder}: flow.py is yours to change.")
        _lines(
            f". {folder}/activate                       use this registry in this shell",
            "strongroom block ls",
            "strongroom block diff lake@1 lake@2",
            "strongroom block reveal shop-api            the secret, in clear",
            f"strongroom run {folder}/flow.py:nightly",
            "strongroom runs ls",
            "strongroom audit ls",
        )

    def _write_activate(self) -> None:
        settings = {name: value for name, value in os.environ.items() if name.startswith("STRONGROOM_")}
        text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
        path = 'export PYTHONPATH="$PYTHONPATH${PYTHONPATH:+:}"' + shlex.quote(str(self.folder)) + "\n"
        (self.folder / "activate").write_text(f"# . activate: use the registry of this demo\n{text}{path}")

    def _list_blocks(self) -> None:
        from strongroom_registry.current import current

        from strongroom.cli.block_reading import STARS, hidden_fields

        rows = []
        for head in current().list():
            fields = {**json.loads(head.public or "{}"), **dict.fromkeys(hidden_fields(head.type, head.public), STARS)}
            told = (
                (name, self._shown(plain(value))) for name, value in fields.items() if value not in (None, "", {}, [])
            )
            rows.append({"name": head.name, "type": head.type, "fields": "  ".join(f"{n}={v}" for n, v in told)})
        _columns(rows, ["name", "type", "fields"])

    def _draw_run(self) -> None:
        from strongroom.cli.run_tree import draw, grow
        from strongroom.journal import current_journal

        journal = current_journal()
        run = journal.flow_runs(flow="nightly", limit=1)[0]
        _lines(*draw(grow(journal, run), width=WIDTH))

    def _shown(self, value: object) -> str:
        """A path as seen from the folder of the demo."""
        return str(value).replace(f"{self.folder}/", "")


_steps = itertools.count(1)


def _step(title: str, meaning: str) -> None:
    click.echo(f"\n{click.style(f'{next(_steps)}', fg='cyan', bold=True)}  {click.style(title, bold=True)}")
    click.echo(click.style(f"   {meaning}", dim=True) + "\n")


def _lines(*lines: str) -> None:
    for line in lines:
        click.echo(f"   {line}")


def _table(rows: list[tuple[Any, ...]]) -> None:
    """The revenue by country, as the flow returns it."""
    click.echo()
    _lines(click.style(f"{'country':<9}{'orders':>8}{'customers':>11}{'revenue':>12}{'per order':>11}", bold=True))
    for country, orders, customers, revenue, per_order in rows:
        _lines(f"{country:<9}{orders:>8}{customers:>11}{revenue:>12,.2f}{per_order:>11,.2f}")


def _columns(rows: list[dict[str, str]], keys: list[str]) -> None:
    widths = {key: max(len(row[key]) for row in rows) + 2 for key in keys}
    for row in rows:
        _lines("".join(f"{row[key]:<{widths[key]}}" for key in keys).rstrip())


def _quietly(flow: Flow[Any, Any], **parameters: Any) -> Any:
    """Run a flow behind a spinner."""
    if not on_terminal():
        return flow(**parameters)
    with console().status(f"   running {flow.name} …"):
        return flow(**parameters)


@contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    """The new folder to work in, resolved; gone at the end unless it is to be kept."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="strongroom-demo-") as folder:
            yield Path(folder).resolve()
        return
    path = Path(keep).expanduser()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CommandError(f"{keep} is not empty.", "Name a folder that does not exist yet.", Exit.USAGE)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield path.resolve()


@contextmanager
def _settings_of(folder: Path) -> Iterator[None]:
    """Nothing of the user's own settings, registry or run history takes part."""
    from strongroom_registry.current import set_current

    former = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("STRONGROOM_")]:
        del os.environ[name]
    os.environ["STRONGROOM_HOME"] = str(folder / "home")
    os.environ["STRONGROOM_KEY"] = f"file:{folder / 'keys' / 'demo.key'}"
    os.environ["STRONGROOM_BLOCK_MODULES"] = "shop_api"
    set_current(None)
    try:
        yield
    finally:
        set_current(None)
        os.environ.clear()
        os.environ.update(former)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """The lines of runs go to the run history alone, so that the steps can be read."""
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
