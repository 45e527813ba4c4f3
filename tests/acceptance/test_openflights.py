"""OpenFlights end to end: object store, cleaning flow, warehouse, dbt; its figures checked against plain Python."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom import Block, DuckDB, flow, get_run_logger, task
from strongroom_aws import S3Bucket
from strongroom_dbt import DbtProfile, DbtProject, DbtResult, dbt_build

HERE = Path(__file__).parent
DATA = Path(os.environ.get("STRONGROOM_SHARED_DATA") or HERE.parents[2] / "shared" / "data") / "openflights"
FILES = ("airports", "airlines", "routes")
pytestmark = pytest.mark.skipif(not (DATA / "routes.dat").is_file(), reason="the OpenFlights files are not here")

COLUMNS = {
    "airports": "airport_id name city country iata icao latitude longitude altitude_ft utc_offset dst tz type source",
    "airlines": "airline_id name alias iata icao callsign country active",
    "routes": "airline airline_id source_airport source_airport_id destination_airport destination_airport_id "
    "codeshare stops equipment",
}
NUMBERS = {
    "airports": {"airport_id": "Int64", "latitude": "Float64", "longitude": "Float64", "altitude_ft": "Int64"},
    "airlines": {"airline_id": "Int64"},
    "routes": {
        "airline_id": "Int64",
        "source_airport_id": "Int64",
        "destination_airport_id": "Int64",
        "stops": "Int64",
    },
}


# The flow, as a user would write it.


@task(retries=2)
def download(lake: S3Bucket, table: str, folder: Path) -> Path:
    return lake.download_object_to_path(f"raw/{table}.dat", folder / f"{table}.dat")


@task
def read(table: str, source: Path) -> Any:
    import pandas as pd

    frame = pd.read_csv(
        source, header=None, names=COLUMNS[table].split(), na_values=["\\N", ""], keep_default_na=False, dtype="string"
    )
    for column in frame.columns:
        frame[column] = frame[column].str.replace(r"\\+'", "'", regex=True)
    return frame.astype(NUMBERS[table])


@task
def without_dangling_ids(routes: Any, airports: Any, airlines: Any) -> Any:
    both_ends = routes["source_airport_id"].isin(airports["airport_id"]) & routes["destination_airport_id"].isin(
        airports["airport_id"]
    )
    kept = routes[both_ends].copy()
    unknown = ~kept["airline_id"].isin(airlines["airline_id"])
    kept.loc[unknown, "airline_id"] = None
    get_run_logger().info("%d routes lead nowhere, %d have no known airline", (~both_ends).sum(), unknown.sum())
    return kept


@task
def write(table: str, frame: Any, folder: Path) -> Path:
    target = folder / f"{table}.parquet"
    frame.to_parquet(target, index=False)
    return target


@task
def load(warehouse: DuckDB, parquet: dict[str, Path]) -> dict[str, int]:
    with warehouse.connection() as connection:
        connection.execute("create schema if not exists raw")
        for table, path in parquet.items():
            connection.execute(
                f"create or replace table raw.{table} as select * from read_parquet($path)", {"path": str(path)}
            )
        return {table: connection.execute(f"select count(*) from raw.{table}").fetchone()[0] for table in parquet}


@dataclass(frozen=True)
class Outcome:
    rows: dict[str, int]
    dbt: DbtResult


@flow
def openflights(folder: Path) -> Outcome:
    lake = S3Bucket.load("lake")
    tables = {table: read(table, download(lake, table, folder)) for table in FILES}
    tables["routes"] = without_dangling_ids(tables["routes"], tables["airports"], tables["airlines"])
    parquet = {table: write(table, frame, folder) for table, frame in tables.items()}
    rows = load(DuckDB.load("warehouse"), parquet)
    return Outcome(rows, dbt_build(DbtProject.load("openflights")))


# The same figures, by other means.


def rows_of(table: str) -> list[dict[str, str | None]]:
    with (DATA / f"{table}.dat").open(encoding="utf-8", newline="") as file:
        names = COLUMNS[table].split()
        return [
            {name: None if value in ("\\N", "") else value for name, value in zip(names, row, strict=True)}
            for row in csv.reader(file)
        ]


def distance_km(a: dict[str, Any], b: dict[str, Any]) -> float:
    """By the angle between two vectors from the earth's centre, which is not the formula that the models use."""

    def vector(airport: dict[str, Any]) -> tuple[float, float, float]:
        latitude, longitude = math.radians(float(airport["latitude"])), math.radians(float(airport["longitude"]))
        return math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude), math.sin(latitude)

    (ax, ay, az), (bx, by, bz) = vector(a), vector(b)
    cross = math.hypot(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    return 6371.0088 * math.atan2(cross, ax * bx + ay * by + az * bz)


class Expected:
    """What plain Python makes of the three files."""

    def __init__(self) -> None:
        self.airports = {row["airport_id"]: row for row in rows_of("airports")}
        self.airlines = {row["airline_id"]: row for row in rows_of("airlines")}
        all_routes = rows_of("routes")
        self.routes = [
            row
            for row in all_routes
            if row["source_airport_id"] in self.airports and row["destination_airport_id"] in self.airports
        ]
        self.dangling = len(all_routes) - len(self.routes)

    def busiest(self) -> Counter[int]:
        ends: Counter[int] = Counter()
        for row in self.routes:
            ends[int(row["source_airport_id"] or 0)] += 1
            ends[int(row["destination_airport_id"] or 0)] += 1
        return ends

    def distances(self) -> dict[tuple[int, int], float]:
        pairs = {
            tuple(sorted((int(row["source_airport_id"] or 0), int(row["destination_airport_id"] or 0))))
            for row in self.routes
            if row["stops"] == "0"
        }
        return {(a, b): distance_km(self.airports[str(a)], self.airports[str(b)]) for a, b in pairs}

    def airlines_by_country(self) -> dict[str, tuple[int, int, int]]:
        flying = {row["airline_id"] for row in self.routes}
        countries = {row["country"] for row in self.airlines.values()} - {None}
        return {
            str(country): (
                len(there := [row for row in self.airlines.values() if row["country"] == country]),
                sum(row["active"] == "Y" for row in there),
                sum(row["airline_id"] in flying for row in there),
            )
            for country in countries
        }


@dataclass(frozen=True)
class Run:
    outcome: Outcome
    warehouse: DuckDB
    expected: Expected


@pytest.fixture(scope="module")
def run(rclone: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("openflights")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STRONGROOM_HOME", str(folder / "home"))
        environment.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        credentials_for(rclone).save("store")
        lake = S3Bucket(bucket_name=rclone.bucket(), credentials=Block.load("store"), bucket_folder="openflights")
        lake.save("lake")
        for table in FILES:
            lake.upload_from_path(DATA / f"{table}.dat", f"raw/{table}.dat")
        DuckDB(path=str(folder / "openflights.duckdb")).save("warehouse")
        DbtProfile(warehouse=Block.load("warehouse"), schema_name="main").save("profile")
        project = HERE / "openflights"
        DbtProject(project_dir=project, profile=Block.load("profile"), target_path=folder / "target").save(
            "openflights"
        )
        yield Run(openflights(folder), DuckDB.load("warehouse"), Expected())


def test_the_files_are_loaded_without_the_routes_that_lead_nowhere(run: Run) -> None:
    assert run.expected.dangling > 0
    assert run.outcome.rows == {
        "airports": len(run.expected.airports),
        "airlines": len(run.expected.airlines),
        "routes": len(run.expected.routes),
    }


def test_every_model_is_built_and_every_test_passes(run: Run) -> None:
    assert run.outcome.dbt.success
    kinds = Counter((node.resource_type, node.status) for node in run.outcome.dbt.nodes)
    assert kinds[("model", "success")] == 6
    assert kinds[("test", "pass")] >= 15
    assert sum(kinds.values()) == kinds[("model", "success")] + kinds[("test", "pass")]


def test_the_busiest_airports_are_those_that_plain_python_finds(run: Run) -> None:
    rows = run.warehouse.fetch_all("select airport_id, routes from busiest_airports")
    assert dict(rows) == run.expected.busiest()
    name = run.warehouse.fetch_one("select name from busiest_airports order by routes desc limit 1")
    assert name == (run.expected.airports[str(run.expected.busiest().most_common(1)[0][0])]["name"],)


def test_the_longest_routes_are_those_that_plain_python_finds(run: Run) -> None:
    rows = run.warehouse.fetch_all("select one_id, other_id, distance_km from longest_routes")
    found = {(one, other): distance for one, other, distance in rows}
    expected = run.expected.distances()
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[pair], distance, rel_tol=1e-9, abs_tol=1e-6) for pair, distance in expected.items())


def test_the_airlines_of_each_country_are_those_that_plain_python_finds(run: Run) -> None:
    rows = run.warehouse.fetch_all("select country, airlines, active, flying from airlines_by_country")
    assert {country: (airlines, active, flying) for country, airlines, active, flying in rows} == (
        run.expected.airlines_by_country()
    )
