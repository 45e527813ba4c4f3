"""What fails while secrets are read leaves none behind, not even in the variables of its traceback."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from canaries import Plant
from strongroom import Secret
from strongroom.interchange import FoundDocument, airflow, dotenv, prefect, sealed
from strongroom.interchange.desired import planned_changes, read_desired
from strongroom.interchange.plan import carried_out, planned
from strongroom_registry.embedded import EmbeddedRegistry
from strongroom_registry.errors import StrongroomError
from strongroom_registry.registry import Registry

READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "connections": (airflow.from_connections, '{"a": "x://u:%s@h", "a": 1}'),
    "lines of connections": (airflow.from_connections, "a=x://u:%s@h\nnothing"),
    "variables": (airflow.from_variables, '{"a": "%s"'),
    "yaml": (lambda path: read_desired([path]), "name: a\ntype: secret\nfields: {value: '%s}"),
    "another shape": (lambda path: read_desired([path]), "name: a\ntype: secret\nfields: '%s'"),
    "prefect": (lambda path: prefect.from_files([path]), '[{"data": {"value": "%s"}}, 7]'),
    "export": (sealed.read_export, '{"strongroom-export": 1, "workspace": "%s", "created_at": ""}\n{}\n'),
    "dotenv": (lambda path: dotenv.from_files([path, f"{path}.absent"]), "A=%s"),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_cannot_be_read(kind: str, tmp_path: Path, canary: Plant) -> None:
    read, text = READERS[kind]
    secret = canary()
    path = tmp_path.parent / f"{tmp_path.name}.txt"
    path.write_text(text % secret)
    with pytest.raises(StrongroomError) as caught:
        read(str(path))
    path.unlink()
    assert secret not in told(caught.value)


def told(error: BaseException) -> str:
    """The traceback with the variables of its frames, those of the test excepted."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    while found.stack and found.stack[0].filename == __file__:
        del found.stack[0]
    return "".join(found.format())


def test_a_document_that_does_not_fit(registry: Registry, tmp_path: Path, canary: Plant) -> None:
    secret = canary()
    path = tmp_path.parent / f"{tmp_path.name}.yaml"
    path.write_text(json.dumps({"name": "a", "type": "moved-crm", "fields": {"token": secret, "url": [secret]}}))
    desired = read_desired([str(path)])
    path.unlink()
    with pytest.raises(StrongroomError) as caught:
        planned_changes(registry, desired)
    assert secret not in told(caught.value)
    assert secret not in repr(desired)


def test_a_registry_that_fails_while_it_is_written_to(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, canary: Plant
) -> None:
    secret = canary()
    steps = planned(registry, [FoundDocument("a", "a", "secret", {"value": secret})])

    def broken(*_: object, **__: object) -> None:
        raise StrongroomError("The store is gone.")

    monkeypatch.setattr(EmbeddedRegistry, "put", broken)
    with pytest.raises(StrongroomError, match="gone") as caught:
        list(carried_out(registry, steps))
    assert secret not in told(caught.value)


def test_a_conflict_is_told_without_either_value(registry: Registry, canary: Plant) -> None:
    Secret(value=canary("here")).save("a")
    (step,) = planned(registry, [FoundDocument("a", "a", "secret", {"value": canary("there")})])
    assert "canary" not in repr(step)
