"""Artifacts: what runs show, by key and by run, in every ledger, with secrets masked."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom import flow, task
from strongroom.artifacts import (
    Artifact,
    LinkArtifact,
    Progress,
    TableArtifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    artifacts_of,
    aupdate_progress_artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    delete_artifacts,
    delete_artifacts_of,
    find_artifact,
    list_artifacts,
    update_progress_artifact,
    watch_progress,
)
from strongroom.artifacts.artifact import DATA_MAX, DESCRIPTION_MAX
from strongroom.client.orchestration import get_client
from strongroom.errors import InvalidArtifact, UnknownArtifact
from strongroom.journal import using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger import Ledger, open_ledger, using_ledger
from strongroom.retention import remove_runs
from strongroom.runtime import flow_run, task_run
from strongroom.variables import Variable
from strongroom_blocks.redaction import redactor


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryJournal]:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    with using_journal(MemoryJournal()) as journal:
        yield journal  # type: ignore[misc]


def read(artifact_id: UUID) -> Artifact:
    found = find_artifact(artifact_id)
    assert found is not None
    return found


def test_each_kind_is_kept_as_it_is_documented(each_ledger: Ledger) -> None:
    kinds = {
        create_link_artifact("https://x.test/a.csv", "data", key="link"): ("markdown", "[data](https://x.test/a.csv)"),
        create_link_artifact("https://x.test"): ("markdown", "[https://x.test](https://x.test)"),
        create_markdown_artifact("# Sales \N{SNOWMAN}", key="report"): ("markdown", "# Sales \N{SNOWMAN}"),
        create_table_artifact([{"a": 1}, {"a": 2}], key="table"): ("table", '[{"a": 1}, {"a": 2}]'),
        create_image_artifact("https://x.test/i.png", key="picture"): ("image", "https://x.test/i.png"),
        create_progress_artifact(12.5, key="progress"): ("progress", 12.5),
    }
    for artifact_id, (kind, data) in kinds.items():
        found = read(artifact_id)
        assert (found.type, found.data) == (kind, data)
        assert found.created == found.updated
        assert found.flow_run_id is None
    assert len(list_artifacts()) == len(kinds)


def test_artifacts_belong_to_the_runs_that_made_them(each_ledger: Ledger) -> None:
    @task
    def report() -> tuple[UUID, str]:
        return create_markdown_artifact("inner"), task_run.id

    @flow
    def inside() -> str:
        create_markdown_artifact("of the subflow")
        return flow_run.id

    @flow
    def nightly() -> Any:
        first = create_markdown_artifact("outer", description="why")
        return first, report(), flow_run.id, inside()

    first, (second, task_id), flow_id, inner_id = nightly()
    assert [artifact.id for artifact in artifacts_of(flow_id)] == [first, second]
    assert str(read(second).task_run_id) == task_id
    assert read(first).task_run_id is None
    assert [artifact.data for artifact in artifacts_of(UUID(inner_id))] == ["of the subflow"]
    assert artifacts_of(uuid4()) == []


def test_artifacts_of_one_key_are_versions(each_ledger: Ledger) -> None:
    ids = [create_markdown_artifact(f"version {number}", key="report") for number in range(3)]
    create_markdown_artifact("without a key")
    newest = Artifact.get("report")
    assert newest is not None
    assert (newest.id, newest.data) == (ids[2], "version 2")
    assert [artifact.data for artifact in list_artifacts(key="report")] == ["version 2", "version 1", "version 0"]
    assert {artifact.data for artifact in list_artifacts()} == {"version 2", "without a key"}
    assert len(list_artifacts(every=True)) == 4
    assert len(list_artifacts(every=True, limit=2)) == 2
    assert delete_artifacts(artifact_id=ids[2]) == 1
    assert Artifact.get("report").data == "version 1"  # type: ignore[union-attr]
    assert delete_artifacts(key="report") == 2
    assert Artifact.get("report") is Artifact.get("No_key\0") is Artifact.get() is None


def test_an_artifact_is_had_or_made(each_ledger: Ledger) -> None:
    made, created = Artifact.get_or_create("counts", description="d", data={"rows": 1}, type="counts")
    assert (created, json.loads(made.data), made.type) == (True, {"rows": 1}, "counts")
    assert Artifact.get_or_create("counts", data={"rows": 2}) == (made, False)
    table, created = TableArtifact.get_or_create("t", table=[[1]])
    assert (created, table.type, table.data) == (True, "table", "[[1]]")


def test_asynchronous_code_awaits(each_ledger: Ledger) -> None:
    @flow
    async def nightly() -> list[Any]:
        ids = [await acreate_markdown_artifact(markdown="a", key="a"), await create_markdown_artifact("b")]
        progress = await acreate_progress_artifact(0)
        assert await aupdate_progress_artifact(artifact_id=progress, progress=100) == progress
        made, _ = await Artifact.aget_or_create("c", data=1)
        assert await Artifact.aget("c") == made
        assert await LinkArtifact(link="https://x.test").aformat() == "[https://x.test](https://x.test)"
        assert (await LinkArtifact(link="https://x.test").acreate()).flow_run_id == UUID(flow_run.id)
        return [read(artifact_id).data for artifact_id in [*ids, progress]]

    assert asyncio.run(nightly()) == ["a", "b", 100.0]


def test_progress_is_updated_in_place_and_watched(each_ledger: Ledger) -> None:
    told: list[Progress] = []
    end = watch_progress(told.append)

    @task
    def fetch() -> UUID:
        progress = create_progress_artifact(0.0, description="batches")
        update_progress_artifact(progress, 50)
        update_progress_artifact(progress, 100.0, description="done")
        return progress

    made = flow(lambda: fetch(), name="etl")()
    found = read(made)
    assert (found.data, found.description) == (100.0, "done")
    assert found.updated is not None
    assert found.created is not None
    assert found.updated > found.created
    assert [(each.progress, each.description) for each in told] == [(0, "batches"), (50, "batches"), (100, "done")]
    assert {each.task_run_id for each in told} == {found.task_run_id}
    end()
    update_progress_artifact(made, 1)
    assert len(told) == 3


def test_a_watcher_that_fails_harms_nobody(each_ledger: Ledger) -> None:
    told: list[Progress] = []
    ends = [watch_progress(lambda progress: 1 / 0), watch_progress(told.append)]
    create_progress_artifact(1)
    for end in ends:
        end()
    assert len(told) == 1


def test_what_is_no_progress_artifact_is_not_updated(each_ledger: Ledger) -> None:
    report = create_markdown_artifact("x")
    for unknown in (report, uuid4()):
        with pytest.raises(UnknownArtifact):
            update_progress_artifact(unknown, 1)
    assert read(report).data == "x"


@pytest.mark.parametrize("progress", [-0.1, 100.1, math.nan, math.inf, "half", None])
def test_what_is_no_percentage_is_refused(progress: Any) -> None:
    with using_ledger(open_ledger("memory:")):
        made = create_progress_artifact(1)
        with pytest.raises(InvalidArtifact):
            create_progress_artifact(progress)
        with pytest.raises(InvalidArtifact):
            update_progress_artifact(made, progress)


@pytest.mark.parametrize("key", ["", "Upper", "under_score", "a b", "a.b", "x" * 256, "new\n", "ä"])
def test_a_key_that_cannot_be_is_refused(key: str) -> None:
    with using_ledger(open_ledger("memory:")):
        with pytest.raises(ValueError, match="no key of an artifact"):
            create_markdown_artifact("x", key=key)
        assert list_artifacts() == []


def test_what_is_too_large_is_refused() -> None:
    with using_ledger(open_ledger("memory:")):
        create_markdown_artifact("x" * (DATA_MAX - 2), description="x" * DESCRIPTION_MAX)
        with pytest.raises(InvalidArtifact, match="link artifact"):
            create_markdown_artifact("x" * (DATA_MAX - 1))
        with pytest.raises(InvalidArtifact, match="description"):
            create_markdown_artifact("x", description="x" * (DESCRIPTION_MAX + 1))


def test_cells_of_every_kind_become_json(each_ledger: Ledger) -> None:
    day = dt.date(2026, 1, 2)
    made = create_table_artifact({"n": [math.nan, math.inf, 1.5], "o": [Decimal("1.5"), day, None], "t": ["\0\ud800"]})  # type: ignore[list-item]
    table = json.loads(read(made).data)
    assert table["n"] == [None, None, 1.5]
    assert table["o"][2] is None
    assert table["t"] == ["\0\ud800"]
    with pytest.raises(InvalidArtifact, match="cannot be a str"):
        create_table_artifact("no table")  # type: ignore[arg-type]


ONE_FOR_ALL = open_ledger("memory:")


@given(text=st.text(max_size=40))
def test_a_text_comes_back_as_it_was(text: str) -> None:
    with using_ledger(ONE_FOR_ALL):
        assert read(create_markdown_artifact(text)).data == text


def test_secrets_are_masked_wherever_they_stand(each_ledger: Ledger, canary: Callable[..., str]) -> None:
    secret = canary("token")
    redactor.register(secret)
    ids = [
        create_markdown_artifact(f"the token is {secret}", description=f"see {secret}"),
        create_link_artifact(f"https://x.test/?token={secret}", link_text=secret),
        create_table_artifact([{"user": "ada", "token": secret, secret: 1}]),
        create_table_artifact([[f"x{secret}y"]]),
        create_image_artifact(f"https://x.test/{secret}.png"),
    ]
    progress = create_progress_artifact(1)
    update_progress_artifact(progress, 2, description=secret)
    made = Artifact(type="mine", data={"deep": [secret]}).create()
    for artifact_id in [*ids, progress, made.id]:
        assert secret not in repr(read(artifact_id))  # type: ignore[arg-type]
    assert json.loads(read(ids[2]).data)[0]["user"] == "ada"


def test_artifacts_without_a_key_go_with_their_runs(each_ledger: Ledger) -> None:
    @flow
    def nightly() -> str:
        create_markdown_artifact("goes")
        create_markdown_artifact("stays", key="report")
        return flow_run.id  # type: ignore[no-any-return]

    runs = [UUID(nightly()) for _ in range(2)]
    assert delete_artifacts_of([runs[0], uuid4()]) == 1
    assert [artifact.data for artifact in artifacts_of(runs[0])] == ["stays"]
    assert len(artifacts_of(runs[1])) == 2


def test_threads_make_artifacts_at_once(each_ledger: Ledger) -> None:
    threads = [threading.Thread(target=create_markdown_artifact, args=["x", "report"]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_artifacts(key="report")) == 8


def test_what_a_removed_run_showed_goes_with_it(each_ledger: Ledger, journal: MemoryJournal) -> None:
    @flow
    def nightly() -> str:
        create_markdown_artifact("goes")
        return flow_run.id  # type: ignore[no-any-return]

    removed, stays = UUID(nightly()), UUID(nightly())
    remove_runs(journal, [removed])
    assert artifacts_of(removed) == []
    assert len(artifacts_of(stays)) == 1


def test_a_client_leads_to_the_same_ledger(each_ledger: Ledger) -> None:
    with get_client(sync_client=True) as client:
        create_link_artifact("https://x.test", key="link", client=client)
        progress = create_progress_artifact(1)
        assert update_progress_artifact(progress, 2, client=client) == progress
        assert Artifact.get("link", client=client) in client.read_artifacts()
        assert Artifact.get_or_create("link", client=client)[1] is False
    with pytest.raises(InvalidArtifact, match="A dict is no client"):
        create_link_artifact("https://x.test", client={})


def test_who_looks_for_artifacts_makes_no_ledger(strongroom_home: Path) -> None:
    assert list_artifacts() == artifacts_of(uuid4()) == []
    assert Artifact.get("report") is Variable.get("v") is None
    assert not strongroom_home.exists()
