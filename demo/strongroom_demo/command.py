"""``strongroom demo``: the main job on embedded defaults, from an empty folder."""

from __future__ import annotations

import json
import logging
import os
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import console, on_terminal, plain
from strongroom.cli.teaching import command

if TYPE_CHECKING:
    from strongroom.flows import Flow
    from strongroom_blocks import Block

FILES = Path(__file__).parent / "files"
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
    """See it all at work in a minute, with nothing to set up.

    Makes a registry and blocks, puts the orders of a small shop into a lake, and runs a flow that cleans them, loads
    them into DuckDB and has dbt build and test the tables. Then the lake moves, and the same flow runs there. Needs no
    network and leaves your own registry alone.
    """
    _require_extras()
    with _folder(keep) as folder, _settings_of(folder), _quiet_logs():
        Demo(folder, kept=keep is not None).play()


def _require_extras() -> None:
    from strongroom_blocks import require_extra

    require_extra("duckdb", extra="duckdb")
    require_extra("dbt.__version__", extra="dbt")
    if find_spec("dbt.adapters.duckdb") is None:  # looked for, not imported: that takes a second
        raise CommandError("dbt's adapter for DuckDB is not installed.", 'Run: pip install "strongroom[dbt]"')


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

        def save(name: str, slug: str, **fields: Any) -> Block:
            block = class_for(slug)(**fields)
            block.save(name)
            return block

        save("lake", "local-folder", basepath=self.folder / "berlin")
        save("shop-api", "shop-api", base_url="https://shop.test", signing_key=secrets.token_urlsafe(24))
        warehouse = save("warehouse", "duckdb", path=str(self.folder / "warehouse.duckdb"))
        profile = save("shop-profile", "dbt-profile", warehouse=warehouse)
        save("shop-dbt", "dbt-project", project_dir=self.folder / "shop", profile=profile)
        _step(
            "Blocks, saved under names", "Typed, versioned, encrypted. Code asks for them by name; secrets stay hidden."
        )
        self._list_blocks()

    def fill_lake(self, publish: Flow[Any, Any]) -> None:
        from strongroom_blocks import Block

        publish()
        _step(
            "Orders of a small shop, put into the lake", "As untidy as real ones: rows twice, dates wrong, ids missing."
        )
        lake: Any = Block.load("lake")
        for entry in lake.list_objects():
            rows = lake.read_path(entry.key).count(b"\n")
            _lines(f"{entry.key:<22}{entry.size:>8,} bytes" + (f"{rows:>7,} rows" if rows > 1 else ""))

    def run(self, nightly: Flow[Any, Any]) -> None:
        _step("The flow: fetch, clean, load, dbt build and test", "Each task and each dbt node is a run with a state.")
        rows = _quietly(nightly)
        self._draw_run()
        _table(rows)

    def move_lake(self, publish: Flow[Any, Any]) -> None:
        from strongroom.cli.difference import compare
        from strongroom_blocks.catalog import class_for
        from strongroom_registry.current import current

        lake: Any = class_for("local-folder")
        lake(basepath=self.folder / "lisbon").save("lake", overwrite=True, message="the lake moves to Lisbon")
        publish(country="PT", seed=11)
        _step("Version 2 of the block lake points elsewhere", "The flow stays as it is; not a line of it changes.")
        registry = current()
        for change in compare(registry.get("lake@1"), registry.get("lake@2")):
            _lines(
                f"lake@1  {change.field}={self._shown(change.old)}", f"lake@2  {change.field}={self._shown(change.new)}"
            )

    def run_again(self, nightly: Flow[Any, Any]) -> None:
        _step(
            "The same flow once more: these are Lisbon's orders",
            "Version 1 is still there, to compare or to go back to.",
        )
        rows = _quietly(nightly)
        self._draw_run(below=False)
        _table(rows)

    def say_what_next(self) -> None:
        if not self.kept:
            _step("What next", "All of this was in a temporary folder, which is gone now.")
            _hints(
                ("strongroom demo --keep shop", "the same, left in a folder to play with"),
                ("strongroom init", "a registry of your own"),
                ("strongroom block types", "what can be saved in it"),
            )
            return
        self._write_activate()
        here = Path.cwd()
        folder = shlex.quote(str(self.folder.relative_to(here) if self.folder.is_relative_to(here) else self.folder))
        _step("What next", f"All of it is in {folder}, and {folder}/flow.py is yours to change.")
        _hints(
            (f". {folder}/activate", "use this registry in this shell"),
            (f"strongroom run {folder}/flow.py:nightly", "run the flow"),
            ("strongroom runs ls", "what ran"),
            ("strongroom block diff lake@1 lake@2", "what changed"),
            ("strongroom block reveal shop-api", "the secret, in clear"),
            ("strongroom audit ls", "who did what"),
        )

    def _write_activate(self) -> None:
        settings = {name: value for name, value in os.environ.items() if name.startswith("STRONGROOM_")}
        lines = [
            "# . activate: use the registry of this demonstration in this shell",
            "unset STRONGROOM_REGISTRY STRONGROOM_WORKSPACE STRONGROOM_JOURNAL",
            *(f"export {name}={shlex.quote(value)}" for name, value in settings.items()),
            f'export PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}"{shlex.quote(str(self.folder))}',
        ]
        (self.folder / "activate").write_text("\n".join(lines) + "\n")

    def _list_blocks(self) -> None:
        from strongroom.cli.difference import STARS
        from strongroom_blocks.catalog import class_for
        from strongroom_registry.current import current

        for head in current().list():
            public = json.loads(head.public)
            fields = class_for(head.type).model_fields
            told = {
                name: self._shown(plain(public[name])) if name in public else STARS
                for name, field in fields.items()
                if field.is_required() or name in ("path", "basepath", "warehouse")
            }
            _lines(f"{head.name:<13}{head.type:<13}" + "  ".join(f"{name}: {value}" for name, value in told.items()))

    def _draw_run(self, *, below: bool = True) -> None:
        from strongroom.cli.run_tree import draw, grow
        from strongroom.journal import current_journal

        journal = current_journal()
        run = journal.flow_runs(flow="nightly", limit=1)[0]
        tree = grow(journal, run)
        if not below:
            tree.children.clear()
        _lines(*draw(tree, width=WIDTH), "")
        _lines(*(entry.message for entry in journal.logs(run.id) if " kept " in entry.message))

    def _shown(self, value: object) -> str:
        """A path as seen from the folder of the demo."""
        return str(value).replace(f"{self.folder}/", "")


def _step(title: str, meaning: str) -> None:
    click.echo(f"\n{click.style('●', fg='cyan')}  {click.style(title, bold=True)}")
    click.echo(click.style(f"   {meaning}", dim=True) + "\n")


def _lines(*lines: str) -> None:
    for line in lines:
        click.echo(f"   {line}".rstrip())


def _hints(*hints: tuple[str, str]) -> None:
    width = max(len(command) for command, _ in hints) + 3
    for line, meaning in hints:
        _lines(f"{click.style(f'{line:<{width}}', fg='cyan')}{click.style(meaning, dim=True)}")


def _table(rows: list[tuple[Any, ...]]) -> None:
    """The revenue by country, as the flow returns it."""
    click.echo()
    _lines(click.style(f"{'country':<9}{'orders':>8}{'customers':>11}{'revenue':>12}{'per order':>11}", bold=True))
    for country, orders, customers, revenue, per_order in rows:
        _lines(f"{country:<9}{orders:>8}{customers:>11}{revenue:>12,.2f}{per_order:>11,.2f}")


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
