"""Secrets are masked wherever text leaves the process, and nothing else is."""

from __future__ import annotations

import base64
import json
import logging
import re
import subprocess
import sys
import threading
from decimal import Decimal
from urllib.parse import quote

import pytest
from canaries import Plant, encodings
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import Secret, SecretBytes, SecretStr
from strongroom_blocks import Block, SecretDict, redactor
from strongroom_blocks.redaction import COMMON, FEWEST, SHORT, STARS, WITHHELD, Redactor

words = st.text(min_size=SHORT, max_size=24)


def knowing(*secrets: object) -> Redactor:
    found = Redactor()
    for secret in secrets:
        found.register(secret)
    return found


@given(words, st.text(), st.text())
def test_a_secret_in_clear_is_always_masked(secret: str, before: str, after: str) -> None:
    assume(secret.lower() not in COMMON and len(set(secret)) >= FEWEST)
    assert secret not in knowing(secret).redact(before + secret + after).replace(STARS, "")


@given(st.text(min_size=16, max_size=24), st.binary(max_size=5), st.binary(max_size=5))
def test_a_secret_is_masked_in_every_form_that_it_travels_in(secret: str, before: bytes, after: bytes) -> None:
    assume(len(set(secret)) >= FEWEST)
    mask = knowing(secret).redact
    raw = secret.encode()
    for name, form in encodings(secret).items():
        if not name.startswith("base64"):  # those are cut, for a search
            assert form.decode("utf-8", "replace") not in mask(f"x={form.decode('utf-8', 'replace')}&y")
    for text in (base64.b64encode(before + raw + after), base64.urlsafe_b64encode(before + raw + after)):
        assert STARS in mask(text.decode())
    for text in (
        (before + raw + after).hex(),
        quote(secret, safe=""),
        quote(secret),
        json.dumps([secret]),
        repr([secret]),
    ):
        assert STARS in mask(text)


def test_a_secret_is_masked_as_other_programs_escape_it() -> None:
    secret = 'pass/"word&<é>=key'
    mask = knowing(secret).redact
    inner = json.dumps({"token": secret})
    html_safe = json.dumps(secret, ensure_ascii=False)
    for character in "&<>":
        html_safe = html_safe.replace(character, f"\\u00{ord(character):x}")
    for text in (
        re.sub("%..", lambda escape: escape[0].lower(), quote(secret, safe="")),
        quote(quote(secret, safe=""), safe=""),
        json.dumps(inner),
        json.dumps(json.dumps({"token": secret}, ensure_ascii=False), ensure_ascii=False),
        json.dumps(secret).replace("/", r"\/"),
        html_safe,
    ):
        masked = mask(text)
        assert STARS in masked
        assert "word" not in masked


@given(st.text())
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    secret = "\U0001f511 a key that no text has \U0001f511"
    assume(secret not in text)
    assert knowing(secret).redact(text) == text


def test_overlapping_and_nested_secrets_are_covered_whole() -> None:
    mask = knowing("alpha-bravo", "bravo-charlie", "alpha-bravo-charlie-delta", "echo-echo").redact
    assert mask("<alpha-bravo-charlie>") == f"<{STARS}>"
    assert mask("<alpha-bravo-charlie-delta>") == f"<{STARS}>"
    assert mask("<echo-echo-echo>") == f"<{STARS}>"
    assert "alpha" not in mask("alpha-bravo alpha-bravo")


def test_secrets_across_the_chunks_of_a_long_text_are_masked() -> None:
    secret = "a-secret-of-some-length"
    text = ("x" * 65_530 + secret) * 5
    assert knowing(secret).redact(text) == ("x" * 65_530 + STARS) * 5


def test_a_poor_secret_does_not_hide_the_log() -> None:
    mask = knowing("", "a", "1234", "password", "Localhost", "   ", "      ", "00000000").redact
    line = "the password of localhost is 1234, 00000000 is a fact"
    assert mask(line) == line


def test_a_short_secret_is_masked_where_it_stands_alone() -> None:
    mask = knowing("tiger").redact
    assert mask("user scott/tiger@db") == f"user scott/{STARS}@db"
    assert mask("the tigers and antigers") == "the tigers and antigers"


def test_each_line_of_a_key_is_masked_and_its_armour_is_not() -> None:
    lines = [f"{number:02d}" + "k" * 30 for number in range(3)]
    key = "\n".join(["-----BEGIN A KEY-----", *lines, "-----END A KEY-----"])
    mask = knowing(key).redact
    assert mask(f"read {lines[1]}") == f"read {STARS}"
    assert mask("-----BEGIN A KEY-----") == "-----BEGIN A KEY-----"


def test_structures_are_registered_with_all_that_they_hold() -> None:
    values = SecretDict({"a": "in-a-dictionary", "b": [SecretStr("in-a-list-of-secrets"), 987654321]})
    mask = knowing(values, SecretBytes(b"\xff\x00binary"), Secret[tuple[str, ...]](("in-a-tuple",))).redact
    for text in ("in-a-dictionary", "in-a-list-of-secrets", "987654321", "in-a-tuple", b"\xff\x00binary".hex()):
        assert mask(text) == STARS
    assert mask(str(b"\xff\x00binary")) == f"b'{STARS}'"


def test_nested_data_is_masked_in_texts_keys_and_numbers() -> None:
    found = knowing("open-sesame", "987654321")
    data = {
        "open-sesame": ["say open-sesame", ("x", 1, None, True)],
        "n": 987654321,
        "b": b"open-sesame",
        "d": Decimal(1),
    }
    assert found.redact_value(data) == {
        STARS: [f"say {STARS}", ("x", 1, None, True)],
        "n": STARS,
        "b": STARS.encode(),
        "d": "Decimal('1')",
    }
    assert found.redact_value({SecretStr("x")}) == {STARS}
    assert found.redact_value(2.5) == 2.5


def test_text_that_is_no_unicode_is_masked_too() -> None:
    assert knowing("open-sesame").redact("\ud800 open-sesame") == f"\\ud800 {STARS}"


def test_redaction_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = knowing("open-sesame")
    monkeypatch.setattr(found, "_settle", lambda: 1 / 0)
    assert found.redact("open-sesame and more") == WITHHELD


def test_secrets_registered_while_text_is_masked_are_not_lost() -> None:
    found = knowing("the-first-secret")
    start = threading.Barrier(4)

    def work(thread: int) -> None:
        start.wait()
        for number in range(40):
            found.register(f"secret-{thread}-{number}-end")
            assert found.redact(f"say secret-{thread}-{number}-end") == f"say {STARS}"

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.redact("the-first-secret secret-0-0-end secret-3-39-end") == f"{STARS} {STARS} {STARS}"


class Vault(Block, slug="test-redacted"):
    token: SecretStr


def test_a_block_registers_its_secrets_when_it_is_made_or_changed(canary: Plant) -> None:
    first, second = canary("first"), canary("second")
    vault = Vault(token=first)
    vault.token = SecretStr(second)
    assert redactor.redact(f"{first} {second}") == f"{STARS} {STARS}"


def test_log_records_are_masked(canary: Plant, caplog: pytest.LogCaptureFixture) -> None:
    secret = canary("logged")
    Vault(token=secret)
    log = logging.getLogger("test.masked")
    with caplog.at_level("DEBUG"):
        log.warning("token %s", secret)
        log.warning("no secret in %s", "here")
        log.warning("wrong %d", secret, extra={"context": {"token": secret}})
        try:
            raise ValueError(f"bad token {secret}")
        except ValueError:
            log.exception("failed", stack_info=True)
    assert caplog.messages == [f"token {STARS}", "no secret in here", "wrong %d", "failed"]
    assert caplog.records[1].args == ("here",)
    assert caplog.records[2].__dict__["context"] == {"token": STARS}
    assert f"bad token {STARS}" in caplog.text
    assert secret not in caplog.text


CRASH = """
import sys, threading, warnings
from strongroom_blocks import Block
from pydantic import SecretStr
class Vault(Block):
    token: SecretStr
vault = Vault(token=sys.stdin.read())
warnings.warn("warned of " + vault.token.get_secret_value())
def fail():
    raise RuntimeError("in thread " + vault.token.get_secret_value())
thread = threading.Thread(target=fail)
thread.start()
thread.join()
class Loud:
    def __del__(self):
        raise RuntimeError("unraisable " + vault.token.get_secret_value())
Loud()
raise RuntimeError("at the end " + vault.token.get_secret_value())
"""


class Shown:
    """What shows itself as the text it was made with."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Shown({self.text})"


def test_whatever_a_record_carries_is_masked(canary: Plant, caplog: pytest.LogCaptureFixture) -> None:
    secret = canary("token")
    redactor.register(secret)
    harmless = Shown("harmless")
    carried = {"a": {secret}, "b": Shown(secret), "c": ValueError(secret), "d": harmless, "e": (secret,)}
    logging.getLogger("extras").warning("look", extra=carried)
    [record] = caplog.records
    assert secret not in repr(record.__dict__)
    assert record.__dict__["d"] is harmless


def test_records_are_masked_though_somebody_set_a_factory_since(
    canary: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    secret = canary("token")
    redactor.register(secret)
    ours = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    try:
        logging.getLogger("replaced").warning("with %s", secret)
    finally:
        logging.setLogRecordFactory(ours)
    assert [record.getMessage() for record in caplog.records] == [f"with {STARS}"]


def test_uncaught_exceptions_and_warnings_are_masked(canary: Plant) -> None:
    secret = canary("crashed")
    shown = subprocess.run([sys.executable, "-c", CRASH], input=secret, capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    assert secret not in shown.stderr
    for text in ("in thread", "unraisable", "at the end"):
        assert f"RuntimeError: {text} {STARS}" in shown.stderr
    assert f"UserWarning: warned of {STARS}" in shown.stderr


def test_a_redactor_forgets_what_it_is_told_to():
    redactor = Redactor()
    redactor.register("correct horse")
    assert redactor.redact("correct horse") == STARS
    redactor.forget()
    assert redactor.redact("correct horse") == "correct horse"
