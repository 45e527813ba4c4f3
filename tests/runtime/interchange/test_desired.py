from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from strongroom import JSON, Block, Connection, Secret
from strongroom.errors import UnfitDocument, UnreadableFile
from strongroom.interchange.desired import planned_changes, pruned, read_desired
from strongroom.interchange.plan import BlockWrite, Step, carried_out
from strongroom_registry.registry import Registry

from .conftest import Crm


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The file of configuration."""
    return tmp_path / "blocks.yaml"


def applied(registry: Registry, config: Path, text: str, **options: Any) -> list[Step]:
    config.write_text(text)
    return list(carried_out(registry, planned_changes(registry, read_desired([str(config)]), **options)))


def told(steps: list[Step]) -> list[tuple[str | None, str, int | None]]:
    return [(step.name, str(step.action), step.version) for step in steps]


WHOLE = """
name: crm
type: moved-crm
labels: [stable]
message: moved to the new host
fields:
  url: https://new.crm.test
  token: {$source: "env:CRM_TOKEN"}
  inner: {$block: part}
---
name: part
type: secret
fields: {value: {$source: "env:PART"}}
"""


def test_a_file_is_applied_in_the_order_of_its_references(
    registry: Registry, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = applied(registry, config, WHOLE, message="from git")
    assert told(steps) == [("part", "create", 1), ("crm", "create", 1)]
    assert [registry.history(name)[0].message for name in ("crm", "part")] == ["moved to the new host", "from git"]
    assert registry.head("crm").labels["stable"] == 1
    monkeypatch.setenv("CRM_TOKEN", "the token")
    monkeypatch.setenv("PART", "the part")
    loaded = Crm.load("crm")
    assert loaded.token.get_secret_value() == "the token"
    assert loaded.inner is not None
    assert loaded.inner.get() == "the part"


def test_what_is_the_same_gets_no_new_version(registry: Registry, config: Path) -> None:
    applied(registry, config, WHOLE)
    assert told(applied(registry, config, WHOLE)) == [("part", "same", 1), ("crm", "same", 1)]
    changed = WHOLE.replace("env:PART", "env:OTHER_PART")
    assert told(applied(registry, config, changed)) == [("part", "update", 2), ("crm", "same", 1)]


def test_labels_alone_make_no_new_version(registry: Registry, config: Path) -> None:
    applied(registry, config, WHOLE)
    steps = applied(registry, config, WHOLE.replace("[stable]", "[stable, tested]"))
    assert told(steps) == [("part", "same", 1), ("crm", "label", 1)]
    assert registry.head("crm").labels["tested"] == 1
    Crm(token="t").save("crm", overwrite=True, labels=["stable"])
    assert told(applied(registry, config, WHOLE)) == [("part", "same", 1), ("crm", "update", 3)]
    assert registry.head("crm").labels["stable"] == 3


def test_blocks_of_the_registry_can_be_referred_to(registry: Registry, config: Path) -> None:
    Secret(value=1).save("part")
    Secret(value=2).save("part", overwrite=True)
    text = "name: crm\ntype: moved-crm\nfields: {token: {$source: 'env:T'}, many: [{$block: part}, {$block: part@1}]}"
    applied(registry, config, text)
    assert [inner.get() for inner in Crm.load("crm").many] == [2, 1]
    assert told(applied(registry, config, text)) == [("crm", "same", 1)]


def test_json_and_lists_do_as_well(registry: Registry, tmp_path: Path) -> None:
    documents = [{"name": name, "type": "json", "fields": {"value": {"$schema": name}}} for name in ("a", "b")]
    (tmp_path / "b.json").write_text(json.dumps(documents))
    (tmp_path / "c.yaml").write_text("- {name: c, type: json, fields: {value: [1]}}\n---\n")
    paths = [str(tmp_path / "b.json"), str(tmp_path / "c.yaml")]
    steps = carried_out(registry, planned_changes(registry, read_desired(paths)))
    assert [step.name for step in steps] == ["a", "b", "c"]
    assert JSON.load("a").value == {"$schema": "a"}


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ("{token: plain}", "token"),
        ("{token: {$source: 'env:T'}, inner: {value: plain}}", "inner.value"),
        ("{token: {$source: 'env:T'}, many: [{value: plain}]}", r"many\.\*\.value"),
    ],
)
def test_a_secret_in_clear_is_refused(registry: Registry, config: Path, fields: str, paths: str) -> None:
    text = f"name: crm\ntype: moved-crm\nfields: {fields}"
    with pytest.raises(UnfitDocument, match=f"in clear: {paths}\\."):
        applied(registry, config, text)
    assert registry.list() == []
    assert told(applied(registry, config, text, allow_plain=True)) == [("crm", "create", 1)]


def test_a_mapping_of_secrets_is_looked_into(registry: Registry, config: Path) -> None:
    text = "name: db\ntype: connection\nfields: {host: h, extra: {a: {$source: 'env:A'}, b: plain}}"
    with pytest.raises(UnfitDocument, match=r"in clear: extra\.b\."):
        applied(registry, config, text)
    applied(registry, config, text.replace("b: plain", "b: {$source: 'env:B'}"))
    assert list(Connection.load("db").extra) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("7", "no description"),
        ("name: a\ntype: secret\nfeilds: {}", "fields"),
        ("name: a\ntype: secret\nvalue: x", "below fields"),
        ("type: secret", "name and type"),
        ("name: A B\ntype: secret", "no name"),
        ("name: ../a\ntype: json\nfields: {value: 1}", "no name"),
        ('name: "a\\0"\ntype: secret', "no name"),
        ("name: a\ntype: [x]", "name and type"),
        ("name: a\ntype: secret\nfields: [x]", "another shape"),
        ("name: a\ntype: secret\nlabels: {}", "another shape"),
        ("name: a\ntype: secret\nlabels: [A B]", "no label"),
        ("name: a\ntype: secret\nlabels: [7]", "no label"),
        ("name: a\ntype: secret\n---\nname: a\ntype: json", "and so is"),
        ("name: a\ntype: no-such", "No class is known"),
        ("name: a\ntype: json", "Field required"),
        ("name: a\ntype: moved-crm\nfields: {token: {$source: 'none:T'}}", 'scheme "none"'),
        ("name: a\ntype: moved-crm\nfields: {token: {$source: 7}}", "cannot be saved"),
        ("name: a\ntype: moved-crm\nfields: {token: {$source: 'env:T'}, inner: {$block: gone}}", "gone"),
        ("name: a\ntype: moved-crm\nfields: {token: {$source: 'env:T'}, inner: {$block: '../x'}}", "no name"),
        ("name: a\ntype: moved-crm\nfields: {token: {$source: 'env:T'}, inner: {$block: a}}", "itself"),
        ("name: a\ntype: moved-crm\nfields: {token: {$source: 'env:T'}, url: {$source: 'env:U'}}", "url"),
        ("name: taken\ntype: json\nfields: {value: 1}", "type secret"),
    ],
)
def test_what_cannot_be_applied_is_refused_before_anything_is_written(
    registry: Registry, config: Path, text: str, problem: str
) -> None:
    Secret(value=1).save("taken")
    with pytest.raises(UnfitDocument, match=problem):
        applied(registry, config, f"name: fine\ntype: json\nfields: {{value: 1}}\n---\n{text}")
    assert [head.name for head in registry.list()] == ["taken"]


def test_a_file_that_means_harm_is_refused(registry: Registry, config: Path) -> None:
    laughs = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))
    with pytest.raises(UnreadableFile, match="aliases"):
        applied(registry, config, f"a0: &a0 [x, x]\n{laughs}")


def test_a_chain_of_references_without_end_is_refused(registry: Registry, config: Path) -> None:
    documents = [
        {"name": f"d{number}", "type": "json", "fields": {"value": {"next": {"$block": f"d{number + 1}"}}}}
        for number in range(600)
    ]
    documents.append({"name": "d600", "type": "json", "fields": {"value": 1}})
    with pytest.raises(UnreadableFile, match="too long a chain"):
        applied(registry, config, json.dumps(documents), allow_plain=True)


def test_no_secret_of_a_file_is_told(registry: Registry, tmp_path: Path, canary: Plant) -> None:
    secret = canary()
    path = tmp_path.parent / f"{tmp_path.name}.yaml"
    for fields in (
        f"{{token: {secret}}}",
        f"{{{secret}: 1}}",
        f"{{token: [{secret}]}}",
        f"{{token: {{$source: '{secret}'}}}}",
    ):
        with pytest.raises(UnfitDocument) as caught:
            applied(registry, path, f"name: crm\ntype: moved-crm\nfields: {fields}")
        if "$source" not in fields:  # where a secret is kept is no secret
            assert secret not in str(caught.value)
    path.unlink()


def test_the_sides_of_a_change_show_no_secret(registry: Registry, config: Path, canary: Plant) -> None:
    token = canary()
    Crm(token=token).save("crm")
    config.write_text(WHOLE)
    crm = planned_changes(registry, read_desired([str(config)]))[1].write
    assert isinstance(crm, BlockWrite)
    before, after = crm.sides("crm")
    assert json.loads(before.version.public)["url"] == "https://crm.test"
    assert json.loads(after.version.public)["url"] == "https://new.crm.test"
    assert token not in repr((before, after))


def test_pruning_deletes_what_fits_and_no_file_describes(registry: Registry, config: Path) -> None:
    Secret(value=1).save("team-part")
    Crm(token="t", inner=Secret.load("team-part")).save("team-whole")
    Secret(value=1).save("other")
    Secret(value=1).save("team-user")
    config.write_text("name: team-kept\ntype: json\nfields: {value: 1}")
    desired = read_desired([str(config)])
    steps = [*planned_changes(registry, desired), *pruned(registry, desired, ["team-*"], "not in git")]
    done = told(list(carried_out(registry, steps)))
    assert sorted(done) == [
        ("team-kept", "create", 1), ("team-part", "delete", 1), ("team-user", "delete", 1), ("team-whole", "delete", 1),
    ]  # fmt: skip
    assert [head.name for head in registry.list()] == ["other", "team-kept"]
    assert not Block.exists("team-part")
