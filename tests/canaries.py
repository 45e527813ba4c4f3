"""A pytest plugin that plants secrets and fails every test that shows one.

A test asks the fixture ``canary`` for secrets: ``canary("password")`` makes up a random one. When the test is over, its
output, its log records and every file below its temporary folders are searched for each of them, in clear and in the
encodings that secrets travel in. A hit fails the test, whatever its own assertions said.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Plant = Callable[..., str]
_planted = pytest.StashKey[list[str]]()
_reports = pytest.StashKey[list[str]]()


def encodings(secret: str) -> dict[str, bytes]:
    """The forms in which a secret gives itself away; base64 without the characters that depend on its neighbours."""
    raw = secret.encode()
    forms = {
        "clear": raw,
        "url": urllib.parse.quote(secret, safe="").encode(),
        "hex": raw.hex().encode(),
        "json": json.dumps(secret)[1:-1].encode(),
        "repr": repr(secret)[1:-1].encode(),
    }
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        forms[f"base64+{shift}"] = text[4 if shift else 0 : -4]
    return {name: form for name, form in forms.items() if len(form) >= 5}


def find(secret: str, haystack: bytes) -> str | None:
    """The first encoding in which ``haystack`` shows ``secret``."""
    return next((name for name, form in encodings(secret).items() if form in haystack), None)


@pytest.fixture
def canary(request: pytest.FixtureRequest) -> Plant:
    """Makes up a secret and plants it: ``canary("label")``, or ``canary(value="…")`` for one of a certain shape."""
    planted = request.node.stash.setdefault(_planted, [])

    def plant(label: str = "secret", *, value: str | None = None) -> str:
        secret = value if value is not None else f"canary-{label}-{secrets.token_urlsafe(18)}"
        planted.append(secret)
        return secret

    return plant


@pytest.fixture(autouse=True)
def _search_for_canaries(
    request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    yield
    planted = request.node.stash.get(_planted, [])
    if not planted:
        return
    hits = []
    formatter = logging.Formatter()
    for when in ("setup", "call"):
        for record in caplog.get_records(when):  # type: ignore[arg-type]
            text = formatter.format(record).encode()
            hits += [f"log record of {record.name}: {form}" for secret in planted if (form := find(secret, text))]
    for path in sorted(p for p in tmp_path.rglob("*") if p.is_file() and not p.is_symlink()):
        content = path.read_bytes() + str(path).encode()
        hits += [f"{path.relative_to(tmp_path)}: {form}" for secret in planted if (form := find(secret, content))]
    if hits:
        pytest.fail("A planted secret shows:\n  " + "\n  ".join(hits), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]
    planted = item.stash.get(_planted, [])
    shown = "\n".join(f"{title}\n{text}" for title, text in report.sections if "log" not in title).encode()
    hits = [f"{form} in the output" for secret in planted if (form := find(secret, shown))]
    if hits and report.outcome == "passed":
        report.outcome = "failed"
        report.longrepr = "A planted secret shows: " + ", ".join(hits)
    return report  # type: ignore[return-value]
