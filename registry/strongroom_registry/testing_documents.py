"""What any registry promises of saving, loading, labelling and deleting documents."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from strongroom_registry.document import DocumentState, Reference, Version, VersionState
from strongroom_registry.envelope import PAYLOAD_MAX
from strongroom_registry.errors import (
    DocumentDeleted,
    InvalidReference,
    NameTaken,
    StaleExpectation,
    TooLarge,
    TypeMismatch,
    UnknownDocument,
    UnknownLabel,
    UnknownVersion,
    VersionDestroyed,
)
from strongroom_registry.registry import Registry

Save = Callable[..., Version]


class DocumentContract:
    """Of saving and loading; see :class:`strongroom_registry.testing_registry.RegistryContract`."""

    def is_us(self, actor: str) -> bool:
        """Whether the audit means the one who opened the registry."""
        return bool(actor)

    @pytest.fixture
    def save(self, registry: Registry) -> Save:
        """Save a document with as little said as possible: ``save("lake", b"payload")``."""

        def save(name: str, payload: bytes = b"payload", **options: object) -> Version:
            return registry.put(name, **{"type": "lake", "schema": "s1", "payload": payload, **options})  # type: ignore[arg-type]

        return save

    def test_what_is_saved_comes_back_with_what_was_said_of_it(self, registry: Registry, save: Save) -> None:
        before = datetime.now(UTC)
        saved = save("lake", b"first", public=b'{"host": "h"}', message="why")
        document = registry.get("lake")
        assert document.payload == b"first"
        assert document.version == saved
        assert (saved.document, saved.number, saved.generation, saved.type, saved.schema) == (
            "lake",
            1,
            1,
            "lake",
            "s1",
        )
        assert (saved.message, saved.public) == ("why", b'{"host": "h"}')
        assert self.is_us(saved.actor)
        assert before <= saved.created_at <= datetime.now(UTC)
        assert str(document.reference) == "lake/lake@1"

    @pytest.mark.parametrize("size", [0, 1, 59, 60, 61, 4092, 4093, 100_000])
    def test_payloads_of_any_size_come_back(self, registry: Registry, save: Save, size: int) -> None:
        payload = bytes(range(256)) * (size // 256 + 1)
        save("lake", payload[:size])
        assert registry.get("lake").payload == payload[:size]

    def test_a_payload_does_not_show_and_an_open_document_is_not_pickled(self, registry: Registry, save: Save) -> None:
        save("lake", b"water")
        document = registry.get("lake")
        assert "water" not in repr(document)
        with pytest.raises(TypeError, match="reference"):
            pickle.dumps(document)

    def test_a_taken_name_is_refused_and_the_refusal_is_a_value_error(self, registry: Registry, save: Save) -> None:
        save("lake")
        with pytest.raises(NameTaken, match=r"overwrite=True.*expect=1") as refusal:
            save("lake", b"other")
        assert isinstance(refusal.value, ValueError)
        assert registry.get("lake").payload == b"payload"

    def test_overwriting_adds_a_version_and_keeps_the_old_one(self, registry: Registry, save: Save) -> None:
        save("lake", b"first")
        assert save("lake", b"second", overwrite=True).number == 2
        assert registry.get("lake").payload == b"second"
        assert registry.get("lake@1").payload == b"first"
        assert registry.get("lake@latest").payload == b"second"

    def test_overwriting_what_is_not_there_makes_it(self, save: Save) -> None:
        assert save("lake", overwrite=True).number == 1

    @pytest.mark.parametrize("expect", [0, 1, 3])
    def test_a_wrong_expectation_is_refused(self, save: Save, expect: int) -> None:
        save("lake")
        save("lake", expect=1)
        with pytest.raises(StaleExpectation, match="is at version 2"):
            save("lake", expect=expect, overwrite=True)

    def test_expecting_zero_means_that_there_is_none(self, save: Save) -> None:
        assert save("lake", expect=0).number == 1

    def test_expecting_a_version_of_what_is_not_there_is_refused(self, registry: Registry, save: Save) -> None:
        with pytest.raises(StaleExpectation, match="does not exist"):
            save("lake", expect=1)
        assert not registry.exists("lake")

    def test_another_type_is_refused_unless_it_is_meant(self, registry: Registry, save: Save) -> None:
        save("lake")
        with pytest.raises(TypeMismatch, match="retype=True"):
            save("lake", type="river", overwrite=True)
        save("lake", type="river", overwrite=True, retype=True)
        assert registry.head("lake").type == "river"
        assert registry.get("lake@1").version.type == "lake"

    def test_a_type_before_the_name_is_checked(self, registry: Registry, save: Save) -> None:
        save("lake")
        assert registry.get("lake/lake").payload == b"payload"
        with pytest.raises(TypeMismatch, match="of the type lake, not river"):
            registry.get("river/lake")

    def test_parsed_references_do_as_well_as_texts(self, registry: Registry, save: Save) -> None:
        save("lake")
        assert registry.get(Reference("lake", version=1)) == registry.get("lake@1")

    def test_what_is_not_there_is_named(self, registry: Registry, save: Save) -> None:
        save("lake")
        with pytest.raises(UnknownDocument, match="river"):
            registry.get("river")
        with pytest.raises(UnknownVersion, match="1 to 1"):
            registry.get("lake@2")
        with pytest.raises(UnknownLabel, match="'stable'"):
            registry.get("lake@stable")

    @pytest.mark.parametrize("text", ["", "Lake", "a b", "-a", "a@", "a@0", "a/", "/a", "a@1@2", "ä", "a\n", "a/b/c"])
    def test_a_text_that_is_no_reference_is_refused(self, registry: Registry, text: str) -> None:
        with pytest.raises(InvalidReference):
            registry.get(text)

    def test_bad_names_are_refused_everywhere(self, registry: Registry, save: Save) -> None:
        for call in (save, registry.head, registry.exists, registry.history, registry.delete, registry.undelete):
            with pytest.raises(InvalidReference):
                call("../etc")
        for call in (
            registry.destroy,
            lambda name: registry.label(name, "x"),
            lambda name: registry.unlabel(name, "x"),
        ):
            with pytest.raises(InvalidReference):
                call("../etc")

    def test_previous_follows_by_itself(self, registry: Registry, save: Save) -> None:
        for number in (1, 2, 3):
            save("lake", b"%d" % number, overwrite=True)
            if number > 1:
                assert registry.get("lake@previous").payload == b"%d" % (number - 1)

    def test_labels_move_and_go(self, registry: Registry, save: Save) -> None:
        save("lake", b"1", labels=["stable"])
        save("lake", b"2", overwrite=True)
        assert registry.get("lake@stable").payload == b"1"
        assert registry.label("lake", "stable").labels == {"stable": 2, "previous": 1}
        assert registry.get("lake@stable").payload == b"2"
        registry.label("lake", "stable", 1)
        assert registry.get("lake@stable").payload == b"1"
        assert registry.unlabel("lake", "stable").labels == {"previous": 1}
        with pytest.raises(UnknownLabel, match="previous"):
            registry.get("lake@stable")
        with pytest.raises(UnknownLabel):
            registry.unlabel("lake", "stable")

    @pytest.mark.parametrize("label", ["latest", "previous", "", "1st", "Stable", "a b"])
    def test_what_is_no_label_or_moves_by_itself_is_refused(self, registry: Registry, save: Save, label: str) -> None:
        save("lake")
        with pytest.raises(InvalidReference):
            registry.label("lake", label)
        with pytest.raises(InvalidReference):
            save("lake", overwrite=True, labels=[label])
        assert registry.head("lake").current == 1

    def test_a_label_needs_a_version_that_can_be_loaded(self, registry: Registry, save: Save) -> None:
        save("lake")
        with pytest.raises(UnknownVersion):
            registry.label("lake", "stable", 2)
        with pytest.raises(UnknownDocument):
            registry.label("river", "stable")

    def test_a_deleted_document_says_how_to_bring_it_back(self, registry: Registry, save: Save) -> None:
        save("lake", labels=["stable"])
        assert registry.delete("lake").state is DocumentState.DELETED
        for reference in ("lake", "lake@1", "lake@stable"):
            with pytest.raises(DocumentDeleted, match="undelete lake"):
                registry.get(reference)
        assert not registry.exists("lake")
        assert registry.undelete("lake").state is DocumentState.LIVE
        assert registry.get("lake@stable").payload == b"payload"

    def test_a_warm_load_does_not_outlive_the_document(self, registry: Registry, save: Save) -> None:
        save("lake")
        registry.get("lake")
        registry.delete("lake")
        with pytest.raises(DocumentDeleted):
            registry.get("lake")

    def test_deleting_twice_is_refused(self, registry: Registry, save: Save) -> None:
        save("lake")
        registry.delete("lake", message="no longer needed")
        with pytest.raises(DocumentDeleted):
            registry.delete("lake")
        with pytest.raises(UnknownDocument):
            registry.delete("river")

    def test_a_name_used_again_counts_on_and_forgets_what_was(self, registry: Registry, save: Save) -> None:
        save("lake", b"old", labels=["stable"])
        save("lake", b"older", overwrite=True)
        registry.delete("lake")
        again = save("lake", b"new", type="river")
        assert (again.number, again.generation) == (3, 2)
        assert registry.get("lake").payload == b"new"
        assert registry.head("lake").labels == {}
        with pytest.raises(DocumentDeleted, match="3 to 3"):
            registry.get("lake@2")
        with pytest.raises(DocumentDeleted):
            registry.label("lake", "stable", 1)
        assert [version.state for version in registry.history("lake")] == [
            VersionState.LIVE,
            VersionState.DELETED,
            VersionState.DELETED,
        ]

    def test_a_stale_expectation_cannot_win_over_a_name_used_again(self, registry: Registry, save: Save) -> None:
        """Who read version 1 before somebody deleted and made the document anew must not overwrite the new one."""
        save("lake")
        registry.delete("lake")
        save("lake")
        with pytest.raises(StaleExpectation):
            save("lake", expect=1)

    def test_a_destroyed_version_is_gone_and_the_others_are_not(self, registry: Registry, save: Save) -> None:
        save("lake", b"1")
        save("lake", b"2", overwrite=True)
        registry.destroy("lake", 1)
        with pytest.raises(VersionDestroyed, match="lake@1"):
            registry.get("lake@1")
        with pytest.raises(VersionDestroyed):
            registry.get("lake@previous")
        assert registry.get("lake").payload == b"2"
        assert [version.state for version in registry.history("lake")] == [VersionState.LIVE, VersionState.DESTROYED]

    def test_a_destroyed_current_version_is_not_replaced_by_an_older_one(self, registry: Registry, save: Save) -> None:
        save("lake", b"1")
        save("lake", b"2", overwrite=True)
        registry.destroy("lake", 2)
        with pytest.raises(VersionDestroyed):
            registry.get("lake")
        assert save("lake", b"3", overwrite=True).number == 3

    def test_a_destroyed_document_never_comes_back_but_its_name_may_be_used(
        self, registry: Registry, save: Save
    ) -> None:
        save("lake", public=b"{}")
        head = registry.destroy("lake")
        assert (head.state, head.public) == (DocumentState.DESTROYED, b"")
        registry.destroy("lake")
        for call in (registry.get, registry.undelete, registry.delete):
            with pytest.raises(VersionDestroyed):
                call("lake")
        assert save("lake", b"new").number == 2
        with pytest.raises(VersionDestroyed):
            registry.get("lake@1")

    def test_what_is_pruned_is_destroyed_and_the_rest_stays(self, registry: Registry, save: Save) -> None:
        for number in (1, 2, 3, 4):
            save("lake", str(number).encode(), overwrite=True)
        registry.destroy("lake", 2)
        assert registry.prune("lake", 4) == 2
        assert [str(version.state) for version in registry.history("lake")] == ["live", *["destroyed"] * 3]
        assert registry.prune("lake", 4) == 0
        assert registry.get("lake").payload == b"4"
        destroyed = [entry.version for entry in registry.audit(name="lake") if entry.action == "destroy"]
        assert sorted(destroyed, key=str) == [1, 2, 3]
        assert registry.verify().ok

    def test_the_current_version_is_never_pruned(self, registry: Registry, save: Save) -> None:
        save("lake", b"1")
        save("lake", b"2", overwrite=True)
        assert registry.prune("lake", 99) == 1
        assert registry.get("lake").payload == b"2"
        with pytest.raises(UnknownDocument):
            registry.prune("river", 1)

    def test_what_is_no_longer_kept_is_destroyed_and_the_current_version_is_not(
        self, registry: Registry, save: Save
    ) -> None:
        for number in range(5):
            save("lake", b"%d" % number, overwrite=True)
        assert registry.prune("lake", 3) == 2
        assert registry.prune("lake", 3) == 0
        states = [str(version.state) for version in registry.history("lake")]
        assert states == ["live", "live", "live", "destroyed", "destroyed"]
        assert registry.prune("lake", 99) == 2
        assert registry.get("lake").payload == b"4"
        with pytest.raises(UnknownDocument):
            registry.prune("river", 1)

    def test_destroying_what_never_was_is_refused(self, registry: Registry, save: Save) -> None:
        save("lake")
        with pytest.raises(UnknownVersion):
            registry.destroy("lake", 2)
        with pytest.raises(UnknownDocument):
            registry.destroy("river")
        assert registry.get("lake").payload == b"payload"

    def test_listings_are_by_name_and_filtered(self, registry: Registry, save: Save) -> None:
        for name in ("prod-lake", "dev-lake", "prod-sea"):
            save(name, type=name.partition("-")[2], public=b"{}")
        registry.delete("dev-lake")
        assert [head.name for head in registry.list()] == ["prod-lake", "prod-sea"]
        assert registry.names() == ["dev-lake", "prod-lake", "prod-sea"]
        assert [head.name for head in registry.list("*-lake", deleted=True)] == ["dev-lake", "prod-lake"]
        assert [head.name for head in registry.list(type="sea")] == ["prod-sea"]
        assert registry.list("nothing") == []
        assert registry.list()[0].public == b"{}"

    def test_the_history_is_newest_first_and_keeps_what_was_said(self, registry: Registry, save: Save) -> None:
        save("lake", message="one", labels=["stable"])
        save("lake", message="two", overwrite=True)
        history = registry.history("lake")
        assert [(version.number, version.message, version.labels) for version in history] == [
            (2, "two", ()),
            (1, "one", ("previous", "stable")),
        ]

    def test_looking_reads_no_payloads(self, registry: Registry, save: Save) -> None:
        """However large they are: four payloads of 4 MB do not pass through memory to be listed."""
        for _ in range(4):
            save("lake", bytes(4_000_000), overwrite=True)
        tracemalloc.start()
        try:
            assert [head.current for head in registry.list()] == [4]
            assert len(registry.history("lake")) == registry.head("lake").current
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()

    def test_a_head_tells_what_a_document_is(self, registry: Registry, save: Save) -> None:
        save("lake", public=b'{"a": 1}')
        head = registry.head("lake")
        assert (head.name, head.type, head.current, head.public) == ("lake", "lake", 1, b'{"a": 1}')
        assert head.id == registry.get("lake").id
        with pytest.raises(UnknownDocument):
            registry.head("river")
        with pytest.raises(UnknownDocument):
            registry.history("river")

    def test_all_is_well_says_verify(self, registry: Registry, save: Save) -> None:
        for name in ("a", "b", "c"):
            save(name)
        save("a", overwrite=True)
        registry.destroy("a", 1)
        registry.destroy("b")
        report = registry.verify()
        assert (report.ok, report.documents, report.versions) == (True, 3, 4)

    def test_what_is_too_large_is_refused(self, registry: Registry, save: Save) -> None:
        for options in (
            {"message": "m" * 4097},
            {"public": bytes(1024 * 1024 + 1)},
            {"payload": bytes(PAYLOAD_MAX + 1)},
        ):
            with pytest.raises(TooLarge, match="At most"):
                save("lake", **options)
        assert not registry.exists("lake")

    @pytest.mark.parametrize("schema", ["", "s" * 256])
    def test_a_schema_has_a_fingerprint(self, save: Save, schema: str) -> None:
        with pytest.raises(InvalidReference, match="schema"):
            save("lake", schema=schema)

    def test_a_message_of_half_characters_is_refused(self, save: Save) -> None:
        with pytest.raises(InvalidReference, match="UTF-8"):
            save("lake", message="\ud83d")
