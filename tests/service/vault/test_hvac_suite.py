"""hvac's own integration tests, unmodified, against a real server; the evidence has the whole of them."""

from __future__ import annotations

from servers import hvac_suite

SHORT = (
    "api/secrets_engines/test_kv_v2.py",
    "api/secrets_engines/test_transit.py",
    "api/auth_methods/test_approle.py",
    "api/auth_methods/test_token.py",
    "api/system_backend/test_wrapping.py",
    "api/system_backend/test_seal.py",
)


def test_those_pass_that_the_page_says_and_no_others() -> None:
    results = hvac_suite.run(SHORT)
    assert hvac_suite.promise().broken(SHORT, results) == []


def test_the_page_promises_as_much_as_it_should() -> None:
    promise = hvac_suite.promise()
    missed = {file: sum(test.startswith(f"{file}::") for test in promise.not_passed) for file in promise.files}
    assert (promise.files[SHORT[0]], missed[SHORT[0]]) == (84, 0)
    assert (promise.files[SHORT[1]], missed[SHORT[1]]) == (47, 0)
    assert sum(promise.files.values()) == 281
    assert sum(promise.files.values()) - len(promise.not_passed) >= 220
    assert sum(missed.values()) == len(promise.not_passed)


def test_what_is_otherwise_than_promised_is_noticed() -> None:
    promise = hvac_suite.Promise({"a.py": 2}, {"a.py::test_1": "why"})
    as_promised = [hvac_suite.Result("a.py", "test_1", "skipped"), hvac_suite.Result("a.py", "test_2", "passed")]
    assert promise.broken(["a.py"], as_promised) == []
    otherwise = [hvac_suite.Result("a.py", "test_1", "passed"), hvac_suite.Result("a.py", "test_2", "failed", "x")]
    assert promise.broken(["a.py"], otherwise) == ["a.py::test_1 passes", "a.py::test_2 failed: x"]
    assert promise.broken(["a.py"], as_promised[:1]) == ["a.py: 1 tests of 2"]
