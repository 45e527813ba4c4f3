"""Row 17: hvac's own integration tests against a server.

hvac is the client library for Vault. Its tests are taken as they are from its sdist; what they start as ``vault`` is a
Strongroom server with a new registry, which they initialise, unseal and end. A test that does not pass counts as failed
unless the [page about Vault's API](vault-api.md) names it, with the reason; one that passes although the page names it
counts as failed too.
"""

from __future__ import annotations

from collections.abc import Iterator

from servers import hvac_suite

from faults.figure import Figure, Work

ROW = 17


def run(work: Work) -> Iterator[Figure]:
    """One file after another."""
    promise = hvac_suite.promise()
    files = list(promise.files)[: work.count(len(promise.files))]
    results = hvac_suite.run(files, log=work.folder / "log")
    for file in files:
        figure = Figure(ROW, f"`{file}`")
        for result in results:
            if result.file == file:
                figure.add(*_judged(result, named=result.id in promise.not_passed))
        for _ in range(figure.tried, promise.files[file]):
            figure.add("missing", "fewer tests were run than the page says")
        yield figure


def _judged(result: hvac_suite.Result, *, named: bool) -> tuple[str, str | None]:
    """What came out, and what is wrong with that."""
    if named == (result.outcome != "passed"):
        return ("not passed, as named" if named else "passed"), None
    return result.outcome, f"{result.name} {result.outcome}: {result.why}"
