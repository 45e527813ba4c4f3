"""What runs say: on the terminal, in the history, and never a secret."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest
from strongroom import disable_run_logger, flow, get_run_logger, task
from strongroom.errors import MissingContextError
from strongroom.journal import LogEntry, current_journal
from strongroom.testing import strongroom_test_harness
from strongroom_blocks.redaction import redactor

Canary = Callable[..., str]


@pytest.fixture(autouse=True)
def harness() -> Iterator[None]:
    with strongroom_test_harness():
        yield


def lines() -> list[LogEntry]:
    """What the one flow run there is said, without the engine's own words."""
    [run] = current_journal().flow_runs()
    own = ("Beginning", "Finished")
    return [line for line in current_journal().logs(run.id) if not line.message.startswith(own)]


def messages() -> list[str]:
    return [line.message for line in lines()]


def run_script(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    head = "from strongroom import *\nimport logging\n"
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_run_logger_writes_to_the_history_with_its_run(caplog: pytest.LogCaptureFixture) -> None:
    @task
    def work() -> None:
        get_run_logger().warning("from the %s", "task")

    @flow
    def main() -> None:
        get_run_logger().info("from the flow")
        work()

    main()
    first, second = lines()
    [run] = current_journal().flow_runs()
    [task_run] = current_journal().task_runs(run.id)
    assert (first.message, first.level, first.task_run_id, first.logger) == (
        "from the flow", logging.INFO, None, "strongroom.flow_runs",
    )  # fmt: skip
    assert (second.message, second.level, second.task_run_id, second.logger) == (
        "from the task", logging.WARNING, task_run.id, "strongroom.task_runs",
    )  # fmt: skip
    [record] = [record for record in caplog.records if record.message == "from the task"]
    assert record.__dict__["flow_run_name"] == run.name
    assert record.__dict__["flow_name"] == "main"
    assert record.__dict__["task_run_id"] == str(task_run.id)


def test_the_console_shows_time_level_run_and_message() -> None:
    ended = run_script("""
        @task
        def extract():
            get_run_logger().info("three rows")

        @flow(flow_run_name="my-run")
        def etl():
            get_run_logger().error("oh")
            extract()
        etl()
    """)
    assert ended.stdout == ""
    clock = r"\d\d:\d\d:\d\d\.\d{3} \| "
    assert re.search(clock + r"INFO    \| Task run 'extract-0' - three rows\n", ended.stderr), ended.stderr
    assert re.search(clock + r"ERROR   \| Flow run 'my-run' - oh\n", ended.stderr), ended.stderr


def test_the_level_comes_from_the_settings() -> None:
    code = """
        @flow
        def main():
            get_run_logger().debug("fine print")
            get_run_logger().info("news")
            get_run_logger().warning("beware")
        main()
    """
    assert "fine print" in run_script(code, STRONGROOM_LOGGING_LEVEL="debug").stderr
    quiet = run_script(code, STRONGROOM_LOGGING_LEVEL="WARNING").stderr
    assert "news" not in quiet
    assert "beware" in quiet


def test_a_program_that_logs_by_itself_gets_each_line_once_and_in_its_own_form() -> None:
    ended = run_script("""
        logging.basicConfig(format="mine: %(message)s", level="INFO")

        @flow
        def main():
            get_run_logger().info("a line")
        main()
    """)
    assert ended.stderr.count("a line") == 1
    assert "mine: a line\n" in ended.stderr


def test_a_level_that_the_program_set_is_kept() -> None:
    ended = run_script("""
        logging.getLogger("strongroom").setLevel("ERROR")

        @flow
        def main():
            get_run_logger().info("quiet")
        main()
    """)
    assert "quiet" not in ended.stderr


def test_outside_of_runs_there_is_no_run_logger() -> None:
    with pytest.raises(MissingContextError, match="disable_run_logger"):
        get_run_logger()


def test_with_the_run_logger_disabled_a_task_function_can_be_tested_alone(caplog: pytest.LogCaptureFixture) -> None:
    @task
    def work(x: int) -> int:
        get_run_logger().error("not shown")
        return x + 1

    with disable_run_logger():
        assert work.fn(1) == 2
    assert caplog.text == ""
    with pytest.raises(MissingContextError):
        work.fn(1)


def test_a_disabled_run_logger_is_silent_inside_runs(caplog: pytest.LogCaptureFixture) -> None:
    @flow
    def main() -> None:
        with disable_run_logger():
            get_run_logger().error("not shown")
        get_run_logger().error("shown")

    main()
    assert "not shown" not in caplog.text
    assert messages() == ["shown"]


def test_a_child_logger_and_extra_fields_keep_the_run(caplog: pytest.LogCaptureFixture) -> None:
    @flow
    def main() -> None:
        get_run_logger(batch=7).getChild("loader").info("hello", extra={"row": 1})

    main()
    [record] = [record for record in caplog.records if record.message == "hello"]
    assert (record.__dict__["batch"], record.__dict__["row"], record.__dict__["flow_name"]) == (7, 1, "main")
    assert [line.logger for line in lines()] == ["strongroom.flow_runs.loader"]


def test_an_exception_is_kept_with_its_traceback() -> None:
    @flow
    def main() -> None:
        try:
            raise ValueError("no such table")
        except ValueError:
            get_run_logger().exception("It went wrong")

    main()
    [message] = messages()
    assert message.startswith("It went wrong\nTraceback")
    assert message.endswith("ValueError: no such table")


def test_secrets_are_stars_on_the_terminal_and_in_the_history(
    canary: Canary, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = canary("logged")
    redactor.register(secret)

    @flow(log_prints=True)
    def main() -> None:
        get_run_logger().info("token %s", secret)
        get_run_logger().info("nested %r", {"token": [secret]})
        print("printed", secret)
        try:
            raise ValueError(secret)
        except ValueError:
            get_run_logger().exception("failed")

    main()
    said = messages()
    assert len(said) == 4
    assert not any(secret in message for message in said)
    assert all("***" in message for message in said)


def test_a_console_line_of_a_child_process_shows_no_secret(canary: Canary) -> None:
    ended = run_script(
        """
        import os
        from strongroom_blocks.redaction import redactor

        redactor.register(os.environ["A_SECRET"])

        @flow(log_prints=True)
        def main():
            print("it is", os.environ["A_SECRET"])
        main()
        """,
        A_SECRET=(secret := canary("console")),
    )
    assert "it is ***" in ended.stderr
    assert secret not in ended.stderr + ended.stdout


def test_prints_are_logged_where_it_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def inherits() -> None:
        print("from the task")

    @task(log_prints=False)
    def refuses() -> None:
        print("to the terminal")

    @flow(log_prints=True)
    def main() -> None:
        print("a", 1, None, sep="-", end="!\n")
        print("two\nlines")
        print()
        inherits()
        refuses()

    main()
    assert messages() == ["a-1-None!", "two\nlines", "", "from the task"]
    assert capsys.readouterr().out == "to the terminal\n"
    print("after")
    assert capsys.readouterr().out == "after\n"


def test_a_print_into_a_file_goes_there(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    import io

    buffer = io.StringIO()

    @flow(log_prints=True)
    def main() -> None:
        print("into the buffer", file=buffer, flush=True)
        print("logged", file=sys.stdout)
        print("logged too", file=sys.stderr)

    main()
    assert buffer.getvalue() == "into the buffer\n"
    assert messages() == ["logged", "logged too"]
    assert capsys.readouterr().out == ""


def test_prints_are_not_logged_by_default_and_are_where_the_settings_say_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @flow
    def main() -> None:
        print("hello")

    main()
    assert messages() == []
    assert capsys.readouterr().out == "hello\n"
    monkeypatch.setenv("STRONGROOM_LOGGING_LOG_PRINTS", "true")
    main()
    assert capsys.readouterr().out == ""


def test_prints_of_tasks_that_run_at_once_keep_their_runs() -> None:
    @task(log_prints=True)
    def threaded(name: str) -> None:
        print(name)

    @task(log_prints=True)
    async def looped(name: str) -> None:
        await asyncio.sleep(0)
        print(name)

    @flow
    async def main() -> None:
        futures = threaded.map([f"t{n}" for n in range(20)])
        await asyncio.gather(*[looped(f"a{n}") for n in range(20)])
        futures.wait()

    asyncio.run(main())
    [run] = current_journal().flow_runs()
    inputs = {line.task_run_id for line in lines()}
    assert sorted(messages()) == sorted([f"{kind}{n}" for kind in "ta" for n in range(20)])
    assert len(inputs) == 40
    assert inputs == {task_run.id for task_run in current_journal().task_runs(run.id)}


def test_a_handler_that_prints_does_not_go_round_in_circles(capsys: pytest.CaptureFixture[str]) -> None:
    class Printing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print("handled:", record.getMessage())

    handler = Printing()
    logging.getLogger("strongroom.flow_runs").addHandler(handler)

    @flow(log_prints=True)
    def main() -> None:
        print("once")

    try:
        main()
    finally:
        logging.getLogger("strongroom.flow_runs").removeHandler(handler)
    assert messages().count("once") == 1
    assert capsys.readouterr().out.count("handled: once\n") == 1


def test_a_print_with_wrong_arguments_fails_as_print_does() -> None:
    @flow(log_prints=True)
    def main() -> str:
        try:
            print("a", sep=1)  # type: ignore[call-overload]
        except TypeError as error:
            return str(error)
        return ""

    assert "sep must be None or a string" in main()
