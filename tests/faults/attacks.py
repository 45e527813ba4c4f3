"""Row 3: eight attacks by somebody who can write the database and has no key, each found under its own name.

Made with SQL in a real store, against each of several documents in turn. Afterwards a new process asks for it and
gets the error that the attack is known by, a change of the document is refused likewise, ``verify`` finds something,
and another document is as it was. Rows that are put back were written by the registry itself and are sealed and signed
as they should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from strongroom_registry import Registry
from strongroom_registry.errors import (
    HeadTampered,
    HiddenVersion,
    PublicFieldsTampered,
    RollbackDetected,
    SealBroken,
    StoreRolledBack,
    StrongroomError,
    VersionTampered,
    WrongKey,
)

from faults.figure import Figure, Work
from faults.places import opened

DOCUMENTS = 20
OTHER = "other"
OF = "document = (SELECT document FROM heads WHERE name = ?)"

Attack = Callable[[Any, str], None]


def version_rollback(place: Any, name: str) -> None:
    """The head as it was before the newest version, which is removed."""
    head = _head(place, name)
    with opened(place) as registry:
        _put(registry, name, b"the newest")
    place.sql(f"DELETE FROM versions WHERE {OF} AND number = 3", name)
    _put_head_back(place, name, head)


def hidden_version(place: Any, name: str) -> None:
    """The newest version is removed, the head left."""
    place.sql(f"DELETE FROM versions WHERE {OF} AND number = 2", name)


def label_moved(place: Any, name: str) -> None:
    """The number beside a label is another one in the head's record."""
    [(record,)] = place.sql("SELECT record FROM heads WHERE name = ?", name)
    one, two = b"\0" * 7 + b"\1", b"\0" * 7 + b"\2"
    edited = bytes(record).replace(b"stable" + one, b"stable" + two)
    assert edited != bytes(record)
    place.sql("UPDATE heads SET record = ? WHERE name = ?", edited, name)


def label_put_back(place: Any, name: str) -> None:
    """The head as it was before a label was moved."""
    head = _head(place, name)
    with opened(place) as registry:
        registry.label(name, "stable", 2)
    _put_head_back(place, name, head)


def undeleted(place: Any, name: str) -> None:
    """The head as it was before the document was deleted."""
    head = _head(place, name)
    with opened(place) as registry:
        registry.delete(name)
    _put_head_back(place, name, head)


def undeleted_by_a_byte(place: Any, name: str) -> None:
    """The state in the head's record says live again."""
    live = bytes(_head(place, name)[0])
    with opened(place) as registry:
        registry.delete(name)
    deleted = bytes(_head(place, name)[0])
    differs = next(at for at in range(len(live)) if live[at] == 0 and deleted[at] == 1)
    edited = deleted[:differs] + b"\0" + deleted[differs + 1 :]
    place.sql("UPDATE heads SET record = ? WHERE name = ?", edited, name)


def public_fields_edited(place: Any, name: str) -> None:
    """The host that a password is sent to is another one."""
    place.sql(f"UPDATE versions SET public = ? WHERE {OF} AND number = 2", b'{"host": "evil.example.com"}', name)


def schema_edited(place: Any, name: str) -> None:
    """The schema, by which a payload is understood, is another one."""
    [(record,)] = place.sql(f"SELECT record FROM versions WHERE {OF} AND number = 2", name)
    edited = bytes(record).replace(b"schema-one", b"schema-two")
    assert edited != bytes(record)
    place.sql(f"UPDATE versions SET record = ? WHERE {OF} AND number = 2", edited, name)


def wrap_of_an_earlier_epoch(place: Any, name: str) -> None:
    """The data key as it was wrapped before the workspace's key was rotated."""
    [(wrap,)] = place.sql(f"SELECT wrap FROM versions WHERE {OF} AND number = 2", name)
    _rotate(place)
    place.sql(f"UPDATE versions SET wrap = ? WHERE {OF} AND number = 2", bytes(wrap), name)


def version_of_an_earlier_epoch(place: Any, name: str) -> None:
    """The version as it was before the workspace's key was rotated, record and MAC included."""
    [row] = place.sql(f"SELECT record, mac, wrap FROM versions WHERE {OF} AND number = 2", name)
    _rotate(place)
    place.sql(f"UPDATE versions SET record = ?, mac = ?, wrap = ? WHERE {OF} AND number = 2", *map(bytes, row), name)


def key_of_an_earlier_epoch(place: Any, name: str) -> None:
    """In the place of the workspace's new key stands the one from before it was rotated."""
    [row] = place.sql("SELECT wrapped, canary FROM workspace_keys")
    _rotate(place)
    newest = "(SELECT max(epoch) FROM workspace_keys)"
    place.sql(f"UPDATE workspace_keys SET wrapped = ?, canary = ? WHERE epoch = {newest}", *map(bytes, row))


def epochs_swapped(place: Any, name: str) -> None:
    """The keys of the newest and of a retired epoch change places."""
    _rotate(place)
    newer, older = place.sql("SELECT epoch, wrapped, canary FROM workspace_keys ORDER BY epoch DESC LIMIT 2")
    for (epoch, *_), (_, *key) in ((newer, older), (older, newer)):
        place.sql("UPDATE workspace_keys SET wrapped = ?, canary = ? WHERE epoch = ?", *map(bytes, key), epoch)


def whole_store_put_back(place: Any, name: str) -> None:
    """All as it was at an earlier moment; only the anchor, which lies elsewhere, has gone on."""
    with opened(place) as registry:
        _put(registry, name, b"the newest")
    place.put_back()


class Known(NamedTuple):
    """An attack, its number among the eight, and the error that it is known by. One that nothing can be read after is
    found when the registry is opened."""

    number: int
    attack: Attack
    error: type[StrongroomError]
    when_opened: bool = False


ATTACKS = (
    Known(1, version_rollback, RollbackDetected),
    Known(2, hidden_version, HiddenVersion),
    Known(3, label_moved, HeadTampered),
    Known(3, label_put_back, RollbackDetected),
    Known(4, undeleted, RollbackDetected),
    Known(4, undeleted_by_a_byte, HeadTampered),
    Known(5, public_fields_edited, PublicFieldsTampered),
    Known(6, schema_edited, VersionTampered),
    Known(7, wrap_of_an_earlier_epoch, SealBroken),
    Known(7, version_of_an_earlier_epoch, VersionTampered),
    Known(7, key_of_an_earlier_epoch, SealBroken, when_opened=True),
    Known(7, epochs_swapped, WrongKey, when_opened=True),
    Known(8, whole_store_put_back, StoreRolledBack, when_opened=True),
)


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        for known in ATTACKS:
            yield attacked(work, store, known)


def attacked(work: Work, store: str, known: Known) -> Figure:
    """One attack, against each of several documents."""
    what = known.attack.__name__.replace("_", " ")
    figure = Figure(3, f"{known.number}: {what}", store, remark=(known.attack.__doc__ or "").strip())
    names = [f"document-{number}" for number in range(work.count(DOCUMENTS, least=1))]
    anchors = work.folder / f"{store}-{what}.anchors"
    with work.places.make(store, work.folder / f"{store}-{what}") as place:
        place.options = {"anchor": f"file:{anchors}"}
        with opened(place) as registry:
            for name in [*names, OTHER]:
                _put(registry, name, b"one", labels=["stable"])
                _put(registry, name, b"two")
        place.keep()
        anchor = anchors.read_bytes()
        for name in names:
            known.attack(place, name)
            figure.add(*_found(place, known, name))
            place.put_back()
            anchors.write_bytes(anchor)
    return figure


def _put(registry: Registry, name: str, payload: bytes, **options: Any) -> None:
    public = b'{"host": "%s.example.com"}' % name.encode()
    registry.put(name, type="lake", schema="schema-one", payload=payload, public=public, overwrite=True, **options)


def _head(place: Any, name: str) -> tuple[Any, ...]:
    [head] = place.sql("SELECT record, mac FROM heads WHERE name = ?", name)
    return head


def _put_head_back(place: Any, name: str, head: tuple[Any, ...]) -> None:
    place.sql("UPDATE heads SET record = ?, mac = ? WHERE name = ?", *map(bytes, head), name)


def _rotate(place: Any) -> None:
    with opened(place) as registry:
        registry.rotate("workspace")


def _found(place: Any, known: Known, name: str) -> tuple[str, str | None]:
    try:
        with opened(place) as registry:
            if known.when_opened:
                return "not found", f"{name}: the registry was opened"
            outcome = _outcome(lambda: registry.get(name))
            changed = _outcome(lambda: _put(registry, name, b"evil"))
            if registry.verify().ok:
                return outcome, f"{name}: verify finds nothing"
            if registry.get(OTHER).payload != b"two":
                return outcome, f"{name}: {OTHER} is another"
    except StrongroomError as exc:
        is_known = known.when_opened and type(exc) is known.error
        return type(exc).__name__, None if is_known else f"{name}: {exc}"
    if outcome != known.error.__name__:
        return outcome, f"{name}: a load ends as {outcome}"
    return outcome, None if changed in (outcome, "allowed") else f"{name}: a change ends as {changed}"


def _outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except StrongroomError as exc:
        return type(exc).__name__
    return "allowed"
