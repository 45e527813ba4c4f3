"""Bulk loading and unloading."""

from __future__ import annotations

import datetime
import decimal
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet
import pytest
from servers.snowflake import SnowflakeAccount
from strongroom import InvalidKey, LocalFolder, ObjectStore
from strongroom.sql import InvalidName
from strongroom_snowflake import SnowflakeConnector, external_stage, staging
from strongroom_snowflake.errors import (
    LoadIncomplete,
    NotReady,
    ObjectNotFound,
    QueryFailed,
    SessionNeeded,
    StatementInvalid,
)
from strongroom_snowflake.frames import columns_of

FRAME = pd.DataFrame({"n": [1, 2, 3], "Odd Name": ["a", None, "it's"], "f": [0.5, 1.5, 2.5]})


def rows(connector: SnowflakeConnector, table: str = "t") -> list[Any]:
    return connector.fetch_all(f"select * from {table} order by 1")


class TestDataFrames:
    def test_a_frame_makes_a_table_and_adds_to_it(self, connector: SnowflakeConnector) -> None:
        loaded = connector.load_dataframe(FRAME, "t")
        assert (loaded.rows, loaded.files) == (3, 1)
        assert connector.query("select * from t order by n", result="dicts")[1] == {"N": 2, "Odd Name": None, "F": 1.5}
        assert connector.load_dataframe(FRAME, "t", rows_per_file=2).files == 2
        assert connector.fetch_one("select count(*), count(distinct n) from t") == (6, 3)

    @pytest.mark.parametrize(
        "data",
        [
            pa.table({"n": [1, 2]}),
            pa.record_batch({"n": [1, 2]}),
            [{"n": 1}, {"n": 2}],
            (pd.DataFrame({"n": [number]}) for number in (1, 2)),
            pa.table({"n": [1, 2]}).to_batches(),
        ],
        ids=["table", "batch", "dicts", "generator", "batches"],
    )
    def test_what_may_be_loaded(self, connector: SnowflakeConnector, data: Any) -> None:
        assert connector.load_dataframe(data, "t").rows == 2
        assert rows(connector) == [(1,), (2,)]

    def test_frames_of_polars(self, connector: SnowflakeConnector) -> None:
        assert connector.load_dataframe(polars.DataFrame({"n": [1]}), "t").rows == 1

    def test_types_come_back(self, connector: SnowflakeConnector) -> None:
        row = {
            "b": True,
            "d": datetime.date(2026, 1, 2),
            "moment": datetime.datetime(2026, 1, 2, 3, 4, 5, 678900),
            "x": decimal.Decimal("12.30"),
            "s": "ü",
            "f": 0.25,
        }
        connector.load_dataframe([row], "t")
        assert connector.query("select * from t", result="dicts") == [{k.upper(): v for k, v in row.items()}]

    def test_what_is_there_is_replaced_emptied_or_kept(self, connector: SnowflakeConnector) -> None:
        connector.load_dataframe([{"n": 1, "old": "x"}], "t")
        connector.load_dataframe([{"n": 2}], "t", if_exists="truncate")
        assert rows(connector) == [(2, None)]
        connector.load_dataframe([{"n": 3}], "t", if_exists="replace")
        assert rows(connector) == [(3,)]
        with pytest.raises(StatementInvalid, match="already exists"):
            connector.load_dataframe([{"n": 4}], "t", if_exists="fail")
        connector.load_dataframe([{"n": 4}], "u", if_exists="fail")
        with pytest.raises(ObjectNotFound):
            connector.load_dataframe([{"n": 4}], "v", create=False)
        assert rows(connector) == [(3,)]

    @pytest.mark.parametrize("if_exists", ["append", "truncate", "replace"])
    def test_a_load_that_fails_leaves_what_was_there(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount, if_exists: Any
    ) -> None:
        connector.load_dataframe([{"n": 1}], "t")
        broken = {"append": [{"n": "no number"}], "truncate": [{"n": "no number"}], "replace": [{"n": 2}]}[if_exists]
        if if_exists == "replace":
            snowflake.fail("refused", matching="copy into", code="000603", message="broke off")
        with pytest.raises(Exception, match=r"."):
            connector.load_dataframe(broken, "t", if_exists=if_exists)
        assert rows(connector) == [(1,)]
        assert connector.fetch_one("select count(*) from t") == (1,)

    def test_a_load_that_fails_is_undone_before_a_statement_that_would_commit_it(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        connector.load_dataframe([{"n": 1}], "t")
        snowflake.fail("refused", matching="copy into", code="000603", message="broke off")
        with pytest.raises(QueryFailed):
            connector.load_dataframe([{"n": 2}], "t", if_exists="truncate")
        asked = [query["sql"].partition(" ")[0].lower() for query in snowflake.queries()]
        assert asked[asked.index("delete") :] == ["delete", "rollback", "drop"]

    def test_nothing_is_left_behind(
        self, connector: SnowflakeConnector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import tempfile

        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        (tmp_path / "temporary").mkdir()

        def frames() -> Iterator[Any]:
            yield [{"n": 1}]
            raise KeyError("the source broke")

        with pytest.raises(KeyError):
            connector.load_dataframe(frames(), "t")
        assert list((tmp_path / "temporary").iterdir()) == []
        with pytest.raises(ObjectNotFound):
            rows(connector)

    def test_nothing_and_nonsense(self, connector: SnowflakeConnector) -> None:
        assert connector.load_dataframe(iter([]), "t").rows == 0
        with pytest.raises(StatementInvalid, match="int is no data"):
            connector.load_dataframe(7, "t")
        with pytest.raises(InvalidName):
            connector.load_dataframe(FRAME, "t; drop table u")
        with pytest.raises(SessionNeeded, match="commit the transaction"), connector.transaction():
            connector.load_dataframe(FRAME, "t")

    def test_types_of_columns(self) -> None:
        schema = pa.schema(
            {
                "i": pa.int64(),
                "x": pa.decimal128(10, 2),
                "f": pa.float32(),
                "d": pa.date32(),
                "z": pa.timestamp("us", "UTC"),
                "t": pa.time64("us"),
                "raw": pa.large_binary(),
                "l": pa.list_(pa.int8()),
                "c": pa.dictionary(pa.int8(), pa.string()),
                "select": pa.null(),
            }
        )
        assert [text.partition(" ")[2] for text in columns_of(schema)] == [
            "NUMBER(38, 0)", "NUMBER(10, 2)", "FLOAT", "DATE", "TIMESTAMP_TZ", "TIME", "BINARY", "VARIANT", "VARCHAR",
            "VARCHAR",
        ]  # fmt: skip
        assert columns_of(schema)[-1].startswith('"select" ')


CSV = {"type": "csv", "skip_header": 1}


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path, connector: SnowflakeConnector) -> Path:
        connector.execute("create table t (n integer, s varchar)")
        folder = tmp_path / "new files"
        (folder / "deep").mkdir(parents=True)
        (folder / "one's.csv").write_text("n,s\n1,a\n2,b\n")
        (folder / "deep" / "two.csv").write_text("n,s\n3,ü\n")
        (folder / "other.txt").write_text("nothing")
        return folder

    def test_files_of_this_machine(self, connector: SnowflakeConnector, folder: Path) -> None:
        loaded = connector.load_files(folder, "t", file_format=CSV, pattern="*.csv")
        assert (loaded.rows, loaded.files) == (3, 2)
        assert rows(connector) == [(1, "a"), (2, "b"), (3, "ü")]
        connector.load_files(str(folder / "*.csv"), "t", file_format=CSV)
        connector.load_files([folder / "deep" / "two.csv"], "t", file_format=CSV)
        assert connector.fetch_one("select count(*) from t") == (6,)

    def test_parquet_by_the_names_of_columns(self, connector: SnowflakeConnector, tmp_path: Path) -> None:
        connector.execute("create table t (n integer, s varchar)")
        pyarrow.parquet.write_table(pa.table({"s": ["a"], "n": [1]}), tmp_path / "file.parquet")
        connector.load_files(
            tmp_path / "file.parquet", "t", file_format="parquet", match_by_column_name="CASE_INSENSITIVE"
        )
        assert rows(connector) == [(1, "a")]

    def test_objects_of_a_store_that_snowflake_cannot_reach(self, connector: SnowflakeConnector, folder: Path) -> None:
        store = LocalFolder(basepath=folder)
        assert isinstance(store, ObjectStore)
        assert connector.load_files(store, "t", file_format=CSV, pattern="*.csv").rows == 3

    def test_nothing_to_load_is_said(self, connector: SnowflakeConnector, folder: Path) -> None:
        with pytest.raises(LoadIncomplete, match="no files"):
            connector.load_files(folder, "t", pattern="*.json")
        with pytest.raises(StatementInvalid, match="no file"):
            connector.load_files(folder / "missing.csv", "t")


class FakeBucket:
    """What a stage is made from: the address and the keys of a bucket."""

    def __init__(self, url: str, **variables: str) -> None:
        self._url = url
        self.credentials = self
        self._variables = variables

    def url(self) -> str:
        return self._url

    def environment(self) -> dict[str, str]:
        return self._variables


class TestStatements:
    def test_a_stage_over_a_bucket(self) -> None:
        keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "it's", "AWS_SESSION_TOKEN": "t\\"}
        bucket = FakeBucket("s3://lake/raw", **keys)
        assert external_stage.is_reachable(bucket)
        assert external_stage.options(bucket, "lake_int") == "url = 's3://lake/raw/' storage_integration = lake_int"
        assert external_stage.options(bucket, None) == (
            "url = 's3://lake/raw/' credentials = (aws_key_id = 'AKIA' aws_secret_key = 'it\\'s' aws_token = 't\\\\')"
        )
        google = FakeBucket("gs://lake")
        assert external_stage.options(google, "lake_int").startswith("url = 'gcs://lake/'")
        with pytest.raises(StatementInvalid, match="storage integration"):
            external_stage.options(google, None)
        with pytest.raises(StatementInvalid, match="names no storage integration"):
            external_stage.options(google, "x) y")
        assert not external_stage.is_reachable(FakeBucket("/a/folder"))

    def test_options_hold_nothing_but_values(self) -> None:
        assert staging.file_format("csv") == "file_format = (TYPE = CSV)"
        assert staging.file_format("own.format") == "file_format = (format_name = 'own.format')"
        assert staging.file_format({"type": "csv", "null_if": ["", "it's"], "trim_space": True}) == (
            "file_format = (TYPE = CSV NULL_IF = ('', 'it\\'s') TRIM_SPACE = TRUE)"
        )
        for given in ("no format)", {"x y": 1}, {"type": object()}):
            with pytest.raises(StatementInvalid):
                staging.file_format(given)  # type: ignore[arg-type]

    @pytest.mark.parametrize("prefix", ["", "x from u", "a//b", "x' y", "x;"])
    def test_a_prefix_is_nothing_but_the_beginning_of_names(
        self, connector: SnowflakeConnector, tmp_path: Path, prefix: str
    ) -> None:
        with pytest.raises(StatementInvalid, match="begins no name"):
            connector.unload("select 1 as n", tmp_path, prefix=prefix)

    def test_patterns_are_those_of_shells(self) -> None:
        assert external_stage.matching("*") == ""
        assert external_stage.matching("*.csv") == "pattern = '.*[^/]*\\\\.csv'"


class TestSecretsOfABucket:
    def test_no_log_and_no_error_shows_them(
        self,
        connector: SnowflakeConnector,
        snowflake: SnowflakeAccount,
        canary: Any,
        caplog: pytest.LogCaptureFixture,
        tmp_path: Path,
    ) -> None:
        class Bucket(FakeBucket, LocalFolder):
            """A store that says that it is a bucket."""

            def __init__(self) -> None:
                LocalFolder.__init__(self, basepath=tmp_path)

            def url(self, path: str = "") -> str:
                return "s3://lake/raw"

            @property
            def credentials(self) -> Any:
                return FakeBucket("", AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY=canary("key"))

        connector.execute("create table t (n integer)")
        caplog.set_level("DEBUG")
        snowflake.fail("refused", matching="copy into", code="000603", message="no such bucket")
        with pytest.raises(QueryFailed, match="no such bucket"):
            connector.load_files(Bucket(), "t")
        [query] = snowflake.queries("create temporary stage")
        assert "aws_secret_key = 'canary" in query["sql"]


class TestUnloading:
    @pytest.fixture(autouse=True)
    def table(self, connector: SnowflakeConnector) -> None:
        connector.load_dataframe([{"n": 1, "s": "a"}, {"n": 2, "s": "b"}], "t")

    def test_a_query_as_parquet(self, connector: SnowflakeConnector, tmp_path: Path) -> None:
        unloaded = connector.unload("select * from t where n > %s", tmp_path / "out", [1])
        assert unloaded.rows == 1
        assert sorted(file.name for file in (tmp_path / "out").iterdir()) == unloaded.files
        assert pyarrow.parquet.read_table(tmp_path / "out" / unloaded.files[0]).to_pylist() == [{"N": 2, "S": "b"}]

    def test_a_table_as_csv_into_a_store(self, connector: SnowflakeConnector, tmp_path: Path) -> None:
        store = LocalFolder(basepath=tmp_path)
        [name] = connector.unload("t", store, file_format="csv", prefix="day").files
        assert name.startswith("day")
        assert gzip.decompress(store.read_path(name)).decode().splitlines()[0] == '"N","S"'
        with pytest.raises(InvalidKey):
            store.read_path("../x")

    def test_what_breaks_off_leaves_nothing(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount, tmp_path: Path
    ) -> None:
        snowflake.fail("refused", matching="get @", code="000603", message="broke off")
        with pytest.raises(Exception, match="broke off"):
            connector.unload("t", tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []


class TestWaiting:
    def test_a_table_is_waited_for(self, connector: SnowflakeConnector) -> None:
        import threading

        started = threading.Event()

        def bring() -> None:
            started.wait()
            connector.load_dataframe([{"n": 7}], "late")

        thread = threading.Thread(target=bring)
        thread.start()
        started.set()
        assert connector.wait_for_data("select max(n) from late", timeout_seconds=60, poll_seconds=0.05) == (7,)
        thread.join()

    def test_what_does_not_come_is_said(self, connector: SnowflakeConnector) -> None:
        with pytest.raises(NotReady, match="finds nothing"):
            connector.wait_for_data("select 0", timeout_seconds=0, poll_seconds=0.1)
        with pytest.raises(NotReady, match=r"(?i)never"):
            connector.wait_for_data("select 1 from never", timeout_seconds=0, poll_seconds=0.1)
