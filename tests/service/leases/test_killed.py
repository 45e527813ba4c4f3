"""kill -9 in the middle of leasing: whatever was made is taken back by whoever comes next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .conftest import Leased

DRIVER = Path(__file__).with_name("killed.py")


def killed(leased: Leased, mode: str, number: int) -> Any:
    block = leased.block()
    fields = {**block.model_dump(mode="json"), "password": leased.password}
    environment = {**os.environ, "LEASED_BLOCK": json.dumps(fields), "LEASED_GROUP": leased.group}
    done = subprocess.run(
        [sys.executable, str(DRIVER), mode, str(number)], env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_no_credential_survives_its_lease(leased: Leased) -> None:
    told = killed(leased, "points", 3)
    assert told["killed"] == told["rounds"] > 15
    assert told["before"] > 5, "else nothing was put to the test"
    assert told["survivors"] == told["left"] == []
    assert leased.roles() == []
