"""``strongroom runs graph``: what depended on what in a run, and when it ran."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.cli.output import duration, moment, on_terminal, print_json, printable
from strongroom.cli.run_choice import journal, run_id_argument
from strongroom.cli.run_tree import MARKS
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.graphs import Vertex
    from strongroom.journal import FlowRun

PIPE_WIDTH = 120


@command(
    "graph",
    examples="""
        strongroom runs graph 0197c1
        strongroom runs graph 0197c1 --svg run.svg   # for a browser
        strongroom runs graph 0197c1 --svg - > run.svg
        strongroom runs graph 0197c1 --all           # every one of many mapped tasks
    """,
)
@run_id_argument
@click.option("--svg", "svg_file", metavar="FILE", help="Write a picture to this file; - is standard output.")
@click.option("--text", "as_text", is_flag=True, help="Draw it in characters, as happens without --svg; with it, too.")
@click.option("--all", "every", is_flag=True, help="Draw each run of a task for itself, however many there are.")
@click.option("--width", type=click.IntRange(40), help="How many characters wide; by default as wide as the terminal.")
@json_option
def graph(run_id: str, svg_file: str | None, as_text: bool, every: bool, width: int | None, as_json: bool) -> None:
    """Draw a run: the tasks, flows and nodes in it, what each waited for, and when it ran.

    Of many runs of one task one box or line is drawn, with how many of them are in which state.
    """
    from strongroom.graphs import gantt, read_graph

    history = journal()
    run = history.flow_run(run_id)
    root = read_graph(history, run, every=every)
    for vertex in root.walk():
        vertex.name = printable(vertex.name)
    if svg_file is not None:
        _write(svg_file, _picture(run, root))
    if as_json:
        print_json(root.to_json())
    elif svg_file is None or as_text:
        width = width or (shutil.get_terminal_size().columns if on_terminal() else PIPE_WIDTH)
        click.echo("\n".join(gantt(root, width=width, duration=duration, paint=_painted)))


def _picture(run: FlowRun, root: Vertex) -> str:
    from strongroom.graphs import svg

    parts = [printable(run.name), root.state, moment(run.start_time), duration(root.seconds)]
    return svg(root, title=root.name, subtitle="  ·  ".join(part for part in parts if part), duration=duration)


def _write(svg_file: str, picture: str) -> None:
    if svg_file == "-":
        click.echo(picture, nl=False)
        return
    Path(svg_file).expanduser().write_text(picture, encoding="utf-8")
    click.echo(f"Wrote {svg_file}.", err=True)


def _painted(text: str, kind: str) -> str:
    if kind == "dim":
        return click.style(text, dim=True)
    return click.style(text, fg=MARKS[kind][1]) if kind in MARKS else text
