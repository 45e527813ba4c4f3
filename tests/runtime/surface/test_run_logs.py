"""What runs say: through run loggers, prints and other libraries' loggers, configured by variables or a file."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import textwrap
import threading
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from strongroom import disable_run_logger, flow, get_run_logger, task
from strongroom.exceptions import MissingContextError
from strongroom.journal.memory import MemoryJournal
from strongroom.logging import disable_logger, get_logger
from strongroom.logging.formatters import JsonFormatter, PrefectFormatter
from strongroom.logging.handlers import APILogHandler, PrefectConsoleHandler
from strongroom.logging.loggers import flow_run_logger, task_run_logger


def test_records_carry_their_run(caplog: pytest.LogCaptureFixture) -> None:
    @task(name="tk")
    def work() -> None:
        get_run_logger().info("hello %s", "w", extra={"k": 1})
        print("printed")

    @flow(name="fl", log_prints=True)
    def main() -> None:
        get_run_logger(custom="z").warning("from the flow")
        print("printed", 2, sep="-")
        print("error", file=sys.stderr)
        get_run_logger().getChild("sub").info("child")
        work()
        work.submit().wait()
        work.with_options(log_prints=False)()

    output = io.StringIO()
    with caplog.at_level(logging.INFO), redirect_stdout(output):
        main()
    told = [
        (r.name, r.levelname, r.getMessage(), r.flow_name, getattr(r, "task_name", None))  # type: ignore[attr-defined]
        for r in caplog.records
        if r.getMessage().startswith(("hello", "printed", "from", "error", "child"))
    ]
    run, runs = "strongroom.flow_runs", "strongroom.task_runs"
    both = [(runs, "INFO", "hello w", "fl", "tk"), (runs, "INFO", "printed", "fl", "tk")]
    assert told == [
        (run, "WARNING", "from the flow", "fl", None),
        (run, "INFO", "printed-2", "fl", None),
        (run, "INFO", "error", "fl", None),
        (f"{run}.sub", "INFO", "child", "fl", None),
        *both,
        *both,
        both[0],
    ]
    assert output.getvalue() == "printed\n"
    first = next(r for r in caplog.records if r.getMessage() == "from the flow")
    assert (first.custom, first.deployment_name, type(first.flow_run_id)) == ("z", None, str)  # type: ignore[attr-defined]
    hello = next(r for r in caplog.records if r.getMessage() == "hello w")
    assert (hello.k, hello.task_run_name) == (1, "tk-0")  # type: ignore[attr-defined]


def test_outside_of_runs_there_is_no_run_logger_unless_it_is_disabled() -> None:
    logs = task(lambda: get_run_logger().info("quiet") or 9)
    with pytest.raises(MissingContextError):
        get_run_logger()
    with pytest.raises(MissingContextError):
        logs.fn()
    with disable_run_logger():
        assert logs.fn() == 9
        assert logs() == 9


def test_a_thread_of_ones_own_is_not_part_of_the_run() -> None:
    found: list[Any] = []

    def elsewhere() -> None:
        try:
            get_run_logger()
        except MissingContextError as error:
            found.append(error)

    @flow
    def main() -> None:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    main()
    assert len(found) == 1


def test_hooks_have_loggers_of_runs(journal: MemoryJournal) -> None:
    def of_flow(flow: Any, run: Any, state: Any) -> None:
        flow_run_logger(run, flow).info("flow hook")

    def of_task(task: Any, run: Any, state: Any) -> None:
        task_run_logger(run, task).info("task hook")

    flow(lambda: task(lambda: 1, on_completion=[of_task])(), name="f", on_completion=[of_flow])()  # type: ignore[call-overload]
    [run] = journal.flow_runs()
    said = [line.message for line in journal.logs(run.id)]
    assert {"flow hook", "task hook"} <= set(said)


def test_a_logger_can_be_silent_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    logger = get_logger("mine")
    assert (logger.name, get_logger().name) == ("strongroom.mine", "strongroom")
    with disable_logger("strongroom.mine"):
        logger.warning("unheard")
    logger.warning("heard")
    assert caplog.messages == ["heard"]


def test_lines_as_json() -> None:
    record = logging.makeLogRecord({"msg": "a %s", "args": ("b",), "levelname": "INFO", "flow_run_name": "mine"})
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["severity"], line["flow_run_name"]) == ("a b", "INFO", "mine")
    try:
        raise KeyError("lost")
    except KeyError:
        record.exc_info = sys.exc_info()
    pretty = JsonFormatter("pretty").format(record)
    assert json.loads(pretty)["exc_info"]["type"] == "KeyError"
    assert "\n" in pretty
    with pytest.raises(ValueError, match="neither"):
        JsonFormatter("other")


def test_formats_by_kind_of_run() -> None:
    formatter = PrefectFormatter(
        "P %(message)s", flow_run_fmt="F %(flow_run_name)s", task_run_fmt="T %(task_run_name)s"
    )
    known = {"msg": "m", "flow_run_name": "fr", "task_run_name": "tr"}
    lines = [
        formatter.format(logging.makeLogRecord({**known, "name": f"strongroom.{name}"}))
        for name in ("other", "flow_runs", "task_runs")
    ]
    assert lines == ["P m", "F fr", "T tr"]


def test_a_terminal_in_colours_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def line(**options: Any) -> str:
        stream = io.StringIO()
        handler = PrefectConsoleHandler(stream, styles={"log.error_level": "red"}, level="INFO", **options)
        handler.console._force_terminal = True
        handler.console._color_system = (
            handler.console._color_system or __import__("rich.color").color.ColorSystem.STANDARD
        )
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        handler.emit(logging.makeLogRecord({"msg": "[b]x[/b]", "levelname": "ERROR", "levelno": 40}))
        return stream.getvalue()

    assert line() == "\x1b[31mERROR\x1b[0m [b]x[/b]\n"
    monkeypatch.setenv("STRONGROOM_LOGGING_COLORS", "false")
    assert line() == "ERROR [b]x[/b]\n"
    monkeypatch.setenv("STRONGROOM_LOGGING_MARKUP", "true")
    assert "[b]" not in line()


def test_the_handler_of_the_history_takes_any_record_of_a_run(journal: MemoryJournal) -> None:
    logger = logging.getLogger("somebody.elses")
    handler = APILogHandler()
    logger.addHandler(handler)
    try:
        logger.error("of no run")
        flow(lambda: task(lambda: logger.error("of a task"))(), name="f")()  # type: ignore[call-overload]
    finally:
        logger.removeHandler(handler)
    [run] = journal.flow_runs()
    [line] = [line for line in journal.logs(run.id) if line.logger == "somebody.elses"]
    assert (line.message, line.task_run_id is not None) == ("of a task", True)


SCRIPT = """
    import logging
    from strongroom import flow, get_run_logger, task
    from strongroom.journal import current_journal

    library = logging.getLogger("library.part")

    @task
    def work():
        library.info("from the library")
        library.debug("in detail")
        get_run_logger().info("from the task")

    @flow(flow_run_name="mine")
    def main():
        get_run_logger().info("from the flow")
        work()

    main()
    [run] = current_journal().flow_runs()
    print([line.message for line in current_journal().logs(run.id) if "from" in line.message])
"""

YAML = """
    version: 1
    formatters:
      standard:
        "()": strongroom.logging.formatters.PrefectFormatter
        format: "%(levelname)s | %(message)s"
        flow_run_fmt: "YF %(flow_run_name)s %(message)s"
        task_run_fmt: "YT %(message)s"
    handlers:
      console: {class: strongroom.logging.handlers.PrefectConsoleHandler, formatter: standard}
      history: {class: strongroom.logging.handlers.APILogHandler}
    loggers:
      strongroom: {level: INFO}
      strongroom.flow_runs: {handlers: [console, history], propagate: false}
      strongroom.task_runs: {handlers: [console, history], propagate: false, level: INFO}
"""


def run_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> tuple[str, list[str]]:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    for name, value in environment.items():
        monkeypatch.setenv(f"STRONGROOM_LOGGING_{name}", value)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    return done.stdout.strip(), [line for line in done.stderr.splitlines() if "new registry" not in line]


def test_variables_configure_loggers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, shown = run_script(
        tmp_path,
        monkeypatch,
        EXTRA_LOGGERS="library, other",
        LOGGERS_STRONGROOM_FLOW_RUNS_LEVEL="error",
        FORMATTERS_STANDARD_TASK_RUN_FMT="T %(task_run_name)s | %(message)s",
    )
    assert kept == "['from the library', 'from the task']"
    assert shown == ["T work-0 | from the task"]


def test_a_file_configures_loggers_and_variables_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "mine.yml"
    config.write_text(textwrap.dedent(YAML))
    kept, shown = run_script(
        tmp_path, monkeypatch, SETTINGS_PATH=str(config), LOGGERS_STRONGROOM_TASK_RUNS_LEVEL="ERROR"
    )
    assert kept == "['from the flow']"
    assert shown == [
        "YF mine Beginning flow run 'mine' for flow 'main'",
        "YF mine from the flow",
        "YF mine Finished in state Completed()",
    ]


@pytest.mark.parametrize("text", ["[1", "5", "version: 2", "version: 1\nhandlers: {x: {class: no.such}}"])
def test_a_file_that_configures_nothing_is_told_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    config = tmp_path / "mine.yml"
    config.write_text(text)
    kept, shown = run_script(tmp_path, monkeypatch, SETTINGS_PATH=str(config))
    assert kept == "['from the flow', 'from the task']"
    assert "The loggers are as they come" in shown[0]
    assert "mine.yml" in shown[0]


def test_a_named_file_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, shown = run_script(tmp_path, monkeypatch, SETTINGS_PATH=str(tmp_path / "mine.yml"))
    assert kept == "['from the flow', 'from the task']"
    assert "mine.yml cannot be read" in shown[0]
