"""What a check tries, in which order, and in which words it says what fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pydantic import Field, Secret, SecretStr
from shelf import Shelf
from strongroom_blocks import Block, secret_from
from strongroom_blocks.capabilities import Checkable
from strongroom_blocks.checking import LONGEST, check
from strongroom_blocks.errors import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable, SecretDenied, UnknownBlock
from strongroom_blocks.sources.registered import using_sources
from strongroom_registry import Registry

HELD_UP = threading.Event()


class Server(Block, slug="test-check-server"):
    """Does what it is told to when it is checked."""

    token: SecretStr = SecretStr("")
    answer: str = "logged in"
    inner: list[Server] = Field(default_factory=list)

    def check(self, timeout: float) -> str:
        failures: dict[str, BaseException] = {
            "absent": CheckAbsent("There is no such server.", "Correct the name."),
            "denied": CheckDenied(f"{self.token.get_secret_value()} was refused."),
            "unreachable": CheckUnreachable("Nobody answers."),
            "failed": CheckFailed("It answers nonsense."),
            "FileNotFoundError": FileNotFoundError(2, "No such file or directory"),
            "PermissionError": PermissionError(13, "Permission denied"),
            "ConnectionRefusedError": ConnectionRefusedError(111, "Connection refused"),
            "TimeoutError": TimeoutError("timed out"),
            "OSError": OSError(5, "Input/output error"),
            "ValueError": ValueError(f"wrong token:\n {self.token.get_secret_value()} " + "x" * 999),
        }
        if self.answer in failures:
            raise failures[self.answer]
        if self.answer == "hangs":
            HELD_UP.wait(60)
        return self.answer


class Quiet(Block, slug="test-check-quiet"):
    token: SecretStr = SecretStr("")
    pin: Secret[int] = Secret(0)
    servers: dict[str, Server] = Field(default_factory=dict)


@pytest.fixture
def shelf(canary) -> Iterator[Shelf]:
    shelf = Shelf(token=canary("token"), pin="12x4", denied=SecretDenied("No.", "Ask somebody."))
    with using_sources({"shelf": shelf}):
        yield shelf


def words(block: Block, timeout: float = 30) -> list[tuple[str, str]]:
    return [(finding.subject, finding.state) for finding in check(block, timeout)]


def test_a_type_may_have_a_check() -> None:
    assert isinstance(Server(), Checkable)
    assert not isinstance(Quiet(), Checkable)


def test_every_reference_is_fetched_then_the_block_is_asked(shelf: Shelf) -> None:
    server = Server(token=secret_from("shelf:token"))
    assert words(server) == [("token from shelf:token", "works"), ("test-check-server", "works")]
    assert check(server, 30)[-1].told == "logged in"


def test_what_was_fetched_before_is_fetched_anew(shelf: Shelf) -> None:
    quiet = Quiet(token=secret_from("shelf:token"))
    quiet.token.get_secret_value()
    del shelf.secrets["token"]
    assert words(quiet)[0] == ("token from shelf:token", "absent")


def test_a_source_is_asked_once_for_all(shelf: Shelf) -> None:
    quiet = Quiet(token=secret_from("shelf:token"), servers={"a": Server(token=secret_from("shelf:zzz"))})
    check(quiet, 30)
    assert [set(call) for call in shelf.calls] == [{"token", "zzz"}]


def test_secrets_that_cannot_be_had_keep_the_block_from_being_asked(shelf: Shelf, registry: Registry) -> None:
    server = Server(token=secret_from("shelf:denied"))
    server.save("prod-server")
    findings = check(Server.load("prod-server"), 30)
    assert [(finding.subject, finding.state) for finding in findings] == [
        ("token from shelf:denied", "denied"),
        ("prod-server", "skipped"),
    ]
    assert (findings[0].told, findings[0].remedy) == ("No.", "Ask somebody.")
    assert [finding.is_failure for finding in findings] == [True, False]


def test_a_secret_that_does_not_fit_is_told_without_it(shelf: Shelf) -> None:
    finding = check(Quiet(pin=secret_from("shelf:pin")), 30)[0]
    assert finding.state == "unfit"
    assert finding.is_failure
    assert "12x4" not in finding.told


def test_blocks_inside_are_asked_first(registry: Registry) -> None:
    deepest = Server(answer="deepest")
    Server(answer="saved", inner=[deepest]).save("inner-server")
    quiet = Quiet(servers={"a": Server.load("inner-server"), "b": Server(answer="denied", token="made-up-token")})
    findings = check(quiet, 30)
    assert [(finding.subject, finding.state) for finding in findings] == [
        ("test-check-server", "denied"),
        ("test-check-server", "works"),
        ("inner-server", "works"),
        ("test-check-quiet", "works"),
    ]
    assert [finding.told for finding in findings[1:3]] == ["deepest", "saved"]


def test_a_block_that_is_held_twice_is_asked_once() -> None:
    server = Server()
    assert len(check(Quiet(servers={"a": server, "b": server}), 30)) == 2


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("absent", "absent"),
        ("denied", "denied"),
        ("unreachable", "unreachable"),
        ("failed", "failed"),
        ("FileNotFoundError", "absent"),
        ("PermissionError", "denied"),
        ("ConnectionRefusedError", "unreachable"),
        ("TimeoutError", "unreachable"),
        ("OSError", "failed"),
        ("ValueError", "failed"),
    ],
)
def test_failures_are_told_in_three_words_where_they_fit(answer: str, state: str, canary) -> None:
    secret = canary("token")
    finding = check(Server(token=secret, answer=answer), 30)[0]
    assert finding.state == state
    assert finding.is_failure
    assert finding.told
    assert secret not in finding.told
    assert "\n" not in finding.told
    assert len(finding.told) <= LONGEST + 1


def test_nobody_waits_for_a_check_that_hangs() -> None:
    HELD_UP.clear()
    try:
        finding = check(Server(answer="hangs"), 0.05)[0]
    finally:
        HELD_UP.set()
    assert finding.state == "unreachable"
    assert "0.05 s" in finding.told


def test_nobody_waits_for_a_source_that_hangs(shelf: Shelf) -> None:
    shelf.gate.clear()
    try:
        finding = check(Quiet(token=secret_from("shelf:token")), 0.05)[0]
    finally:
        shelf.gate.set()
    assert (finding.state, finding.subject) == ("unreachable", "token from shelf:token")


def test_a_source_that_is_not_there_is_told(shelf: Shelf) -> None:
    with using_sources({"elsewhere": shelf}):
        quiet = Quiet(token=secret_from("elsewhere:token"))
    finding = check(quiet, 30)[0]
    assert finding.state == "failed"
    assert "elsewhere" in finding.told


def test_a_check_sees_the_registry_of_who_asks(registry: Registry) -> None:
    class Asking(Block, slug="test-check-asking"):
        def check(self, timeout: float) -> str:
            with pytest.raises(UnknownBlock):
                Block.load("nothing-of-this-name")
            return "asked"

    assert check(Asking(), 30)[0].told == "asked"
