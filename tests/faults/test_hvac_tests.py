"""Row 17 notices what is not as the page says; the tests of the service run it in short."""

from __future__ import annotations

import pytest
from servers import hvac_suite
from servers.hvac_suite import Promise, Result

from faults import hvac_tests
from faults.figure import Work


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [(("passed", "failed"), 0), (("failed", "failed"), 1), (("passed", "passed"), 1), (("passed",), 1)],
    ids=["as promised", "one fails", "one passes that is named", "one is missing"],
)
def test_what_is_not_as_promised_is_noticed(
    work_in_memory: Work, monkeypatch: pytest.MonkeyPatch, outcome: tuple[str, ...], failed: int
) -> None:
    results = [Result("a.py", f"test_{number}", one) for number, one in enumerate(outcome)]
    monkeypatch.setattr(hvac_suite, "promise", lambda: Promise({"a.py": 2}, {"a.py::test_1": "why"}))
    monkeypatch.setattr(hvac_suite, "run", lambda files, log: results)
    [figure] = hvac_tests.run(work_in_memory)
    assert (figure.tried, figure.failed) == (2, failed)
