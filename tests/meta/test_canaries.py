"""The plugin that guards all other tests has to catch what it is there for."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

LEAKS = {
    "clear": "print({secret})",
    "base64": "import base64; print(base64.b64encode(b'ab' + {secret}.encode() + b'yz').decode())",
    "hex": "print({secret}.encode().hex())",
    "json": "import json; print(json.dumps([{secret}]))",
    "url": "import urllib.parse; print(urllib.parse.quote({secret}, safe=''))",
    "stderr": "import sys; print({secret}, file=sys.stderr)",
    "log": "import logging; logging.getLogger('x').warning('it is %s', {secret})",
    "file": "(tmp_path / 'sub').mkdir(); (tmp_path / 'sub' / 'left.txt').write_text({secret})",
    "file name": "(tmp_path / {secret}.replace('/', '_')).write_text('')",
}


def run(pytester: pytest.Pytester, body: str) -> pytest.RunResult:
    pytester.makepyfile(f"def test_it(canary, tmp_path):\n    s = canary('pw')\n    {body.format(secret='s')}\n")
    return pytester.runpytest_inprocess("-p", "canaries", "-p", "no:cacheprovider")


@pytest.mark.parametrize("leak", LEAKS, ids=str)
def test_a_leak_fails_the_test(pytester: pytest.Pytester, leak: str) -> None:
    result = run(pytester, LEAKS[leak])
    assert result.ret == 1


def test_a_test_that_keeps_its_secret_passes(pytester: pytest.Pytester) -> None:
    result = run(pytester, "print(len({secret}))")
    result.assert_outcomes(passed=1)
