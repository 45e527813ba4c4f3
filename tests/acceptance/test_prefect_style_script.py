"""A script as it is written for Prefect runs against an S3 server, with nothing changed but its import lines."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server

SCRIPT = Path(__file__).with_name("etl.py")
STORE = "store"

FIRST = "id,name,amount\n1,ann,10\n2,,20\n3,eve,\n4,bob,5.5\n"
SECOND = "id,name,amount\n1,ann,10\n"


def strongroom(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user of the test's own Strongroom."""
    command = [sys.executable, "-m", "strongroom", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    return done


def etl() -> str:
    """Runs the script with the block's fields in its environment; what it printed."""
    return strongroom("exec", STORE, "--", sys.executable, str(SCRIPT)).stdout


def states(run_id: str) -> dict[str, str]:
    """The state of each task of a run."""
    tree = json.loads(strongroom("runs", "show", run_id, "--json").stdout)["tree"]
    return {child["name"].rpartition("-")[0]: child["state_name"] for child in tree["children"]}


@pytest.fixture
def store(rclone: S3Server) -> Any:
    """The server's bucket ``bucket`` with a CSV file, and its keys in a block."""
    credentials_for(rclone).save(STORE)
    client = rclone.client()
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="raw/data.csv", Body=FIRST.encode())
    return client


def test_the_script_runs_is_cached_and_shows_in_the_history(store: Any) -> None:
    import pandas as pd

    first = etl()
    assert "{'status': 'success', 'records': 2}" in first
    written = store.get_object(Bucket="bucket", Key="processed/data.parquet")["Body"].read()
    frame = pd.read_parquet(io.BytesIO(written))
    assert list(frame.columns) == ["id", "name", "amount", "processed_at"]
    assert frame[["id", "name", "amount"]].to_dict("list") == {
        "id": [1, 4],
        "name": ["ann", "bob"],
        "amount": [10.0, 5.5],
    }

    store.put_object(Bucket="bucket", Key="raw/data.csv", Body=SECOND.encode())
    assert "'records': 2" in etl(), "within the hour, what was extracted before is taken"

    later, earlier = json.loads(strongroom("runs", "ls", "--json").stdout)
    assert {run["flow"] for run in (later, earlier)} == {"ETL Pipeline"}
    assert {run["state_name"] for run in (later, earlier)} == {"Completed"}
    assert states(earlier["id"]) == {
        "extract_data": "Completed",
        "transform_data": "Completed",
        "load_data": "Completed",
    }
    assert states(later["id"]) == {"extract_data": "Cached", "transform_data": "Completed", "load_data": "Completed"}
    said = strongroom("runs", "logs", earlier["id"]).stdout
    assert "Processing 4 records" in said
