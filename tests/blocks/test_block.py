"""What a user does with a block: define, save, load, list, and be refused with a remedy."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import sqlite3
import subprocess
import sys
import traceback
import types
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from canaries import Plant
from pydantic import BaseModel, HttpUrl, PrivateAttr, SecretStr, field_validator
from strongroom_blocks import Block, reference_of
from strongroom_blocks.documents import pin_loads, watch_loads
from strongroom_blocks.errors import (
    BlockNotSaved,
    BlockNotStorable,
    BlockValidationError,
    UnknownBlock,
    UnknownBlockType,
    WrongBlockType,
)
from strongroom_blocks.types import LocalFileSystem, LocalFolder
from strongroom_registry import Reference, Registry, open_registry, using
from strongroom_registry.errors import DocumentDeleted, NameTaken, StaleExpectation, TypeMismatch, UnknownDocument

T = TypeVar("T")


class CrmApi(Block, slug="test-crm-api"):
    """Where the CRM answers and how to log in."""

    base_url: HttpUrl
    token: SecretStr
    page_size: int = 100

    def header(self) -> str:
        return f"Bearer {self.token.get_secret_value()}"


class Pager(Block, slug="test-pager"):
    number: int


def crm(token: str = "a-token-of-some-length") -> CrmApi:
    return CrmApi(base_url="https://crm.example.com", token=token)


def test_a_block_is_saved_and_loaded_by_name(registry: Registry) -> None:
    version = crm("first-token").save("prod-crm", message="first key")
    assert (version.number, version.type, version.message) == (1, "test-crm-api", "first key")
    loaded = CrmApi.load("prod-crm")
    assert loaded == crm("first-token")
    assert loaded.header() == "Bearer first-token"


def test_a_type_says_what_it_is() -> None:
    assert CrmApi.get_block_type_slug() == "test-crm-api"
    assert CrmApi.get_block_type_name() == CrmApi.__block__.title
    assert CrmApi.get_description() == (CrmApi.__doc__ or "")


def test_a_bare_load_returns_the_type_that_was_saved(registry: Registry) -> None:
    crm().save("prod-crm")
    assert type(Block.load("prod-crm")) is CrmApi
    assert type(Block.load("test-crm-api/prod-crm")) is CrmApi


def test_versions_and_labels_are_loaded_by_reference(registry: Registry) -> None:
    crm("token-one").save("prod-crm")
    crm("token-two").save("prod-crm", overwrite=True, labels=["stable"])
    crm("token-three").save("prod-crm", expect=2)
    shown = [CrmApi.load(f"prod-crm{at}").token.get_secret_value() for at in ("", "@1", "@stable", "@previous")]
    assert shown == ["token-three", "token-one", "token-two", "token-two"]
    CrmApi.label("prod-crm", "stable", 1)
    assert CrmApi.load("prod-crm@stable").token.get_secret_value() == "token-one"
    assert [version.number for version in CrmApi.history("prod-crm")] == [3, 2, 1]


def test_a_taken_name_is_refused_with_a_value_error(registry: Registry) -> None:
    crm().save("prod-crm")
    with pytest.raises(NameTaken) as refusal:
        crm().save("prod-crm")
    assert isinstance(refusal.value, ValueError)
    with pytest.raises(StaleExpectation):
        crm().save("prod-crm", expect=7)
    with pytest.raises(TypeMismatch):
        Pager(number=1).save("prod-crm", overwrite=True)
    assert Pager(number=1).save("prod-crm", overwrite=True, retype=True).number == 2


def test_an_unknown_block_names_what_looks_alike(registry: Registry) -> None:
    crm().save("prod-crm")
    with pytest.raises(UnknownBlock, match="Did you mean prod-crm") as refusal:
        CrmApi.load("prod-cmr")
    assert isinstance(refusal.value, UnknownDocument)
    assert isinstance(refusal.value, LookupError)
    with pytest.raises(UnknownBlock):
        CrmApi.delete("prod-cmr")


def test_a_name_that_is_near_is_told_only_where_a_sound_block_has_it(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "data" / "registry.db"
    with open_registry(f"sqlite:///{path}") as filed, using(filed):
        for name in ("prod-crm", "prod-crn", "prod-cro"):
            crm().save(name)
        CrmApi.delete("prod-crn")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE heads SET mac = zeroblob(32) WHERE name = 'prod-cro'")
        with pytest.raises(UnknownBlock, match=r"Did you mean prod-crm\?"):
            CrmApi.load("prod-crx")


def test_a_block_of_another_type_is_refused(registry: Registry) -> None:
    crm().save("prod-crm")
    with pytest.raises(WrongBlockType, match='"test-crm-api", not "test-pager"'):
        Pager.load("prod-crm")
    with pytest.raises(WrongBlockType):
        Block.load("test-pager/prod-crm")
    with pytest.raises(WrongBlockType):
        Pager.delete("prod-crm")
    assert not Pager.exists("prod-crm")
    assert CrmApi.exists("prod-crm")
    assert Block.exists("prod-crm")
    assert not Block.exists("prod-cmr")


def test_a_deleted_block_says_how_to_bring_it_back(registry: Registry) -> None:
    crm().save("prod-crm")
    Block.delete("prod-crm")
    with pytest.raises(DocumentDeleted):
        CrmApi.load("prod-crm")
    assert not Block.exists("prod-crm")


def test_a_type_that_is_nowhere_says_what_to_import(registry: Registry) -> None:
    registry.put("orphan", type="no-such-type", schema="1:x", payload=b"{}")
    with pytest.raises(UnknownBlockType, match="STRONGROOM_BLOCK_MODULES"):
        Block.load("orphan")


async def _twins() -> None:
    await crm("token-one").asave("prod-crm")
    assert (await CrmApi.aload("prod-crm")).header() == "Bearer token-one"
    assert type(await Block.aload("prod-crm")) is CrmApi
    await CrmApi.alabel("prod-crm", "stable")
    assert len(await CrmApi.ahistory("prod-crm")) == 1
    assert await CrmApi.aexists("prod-crm")
    await CrmApi.adelete("prod-crm")
    assert not await CrmApi.aexists("prod-crm")


def test_every_verb_has_an_asynchronous_twin(registry: Registry) -> None:
    asyncio.run(_twins())


def test_a_synchronous_verb_stays_synchronous_inside_a_running_loop(registry: Registry) -> None:
    async def inside() -> CrmApi:
        crm().save("prod-crm")
        return CrmApi.load("prod-crm")

    assert asyncio.run(inside()) == crm()


def test_the_signature_of_a_twin_is_that_of_the_verb() -> None:
    assert inspect.signature(Block.asave) == inspect.signature(Block.save)


def test_nothing_shows_a_secret(registry: Registry, canary: Plant) -> None:
    secret = canary("token")
    block = crm(secret)
    block.save("prod-crm", message="why")
    loaded = CrmApi.load("prod-crm")
    shown = [repr(loaded), str(loaded), repr(loaded.model_dump()), loaded.model_dump_json(), f"{loaded}"]
    shown += [str(list(registry.list())), str(CrmApi.history("prod-crm")), repr(pickle.dumps(loaded))]
    shown += [repr(registry.get("prod-crm"))]
    assert not [text for text in shown if secret in text]
    assert b"crm.example.com" in CrmApi.history("prod-crm")[0].public


def test_a_secret_that_is_repeated_in_a_public_field_or_in_the_message_is_masked(
    registry: Registry, canary: Plant
) -> None:
    secret = canary("token")
    block = CrmApi(base_url=f"https://crm.example.com/{secret}", token=secret)
    version = block.save("prod-crm", message=f"now with {secret}")
    assert secret.encode() not in version.public
    assert version.message == "now with **********"
    assert CrmApi.load("prod-crm") == block


def _shown(error: BaseException) -> str:
    """Everything that a traceback with local variables, a logger or a pickle can tell of an error."""
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    while error is not None:
        text += repr(error) + str(error.args) + repr(vars(error))
        assert error.__cause__ is None
        assert not isinstance(error.__context__, ValueError) or error.__context__ is None
        error = error.__context__  # type: ignore[assignment]
    return text


def _refused(action: Any, *arguments: Any, **keywords: Any) -> BlockValidationError:
    """What an action refuses; its arguments stand in no frame that the traceback has."""
    with pytest.raises(BlockValidationError) as refusal:
        action(*arguments, **keywords)
    error = refusal.value
    error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ else None
    return error


class Picky(Block, slug="test-picky"):
    token: SecretStr
    size: int = 0

    @field_validator("token")
    @classmethod
    def _quote(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().startswith("canary"):
            raise ValueError(f"{value.get_secret_value()} is a poor token")
        return value

    @field_validator("size")
    @classmethod
    def _count(cls, value: int) -> int:
        if value < 0:
            raise ValueError(f"{value} is no size")
        return value


def test_a_refused_value_is_not_in_the_error_nor_in_its_frames(canary: Plant) -> None:
    secret = canary("token")
    error = _refused(CrmApi, base_url="https://x.example.com", token=[secret])
    assert "token: Input should be a valid string" in str(error)
    assert secret not in _shown(error)
    assert secret not in _shown(_refused(CrmApi, base_url="no url", token=secret))
    assert secret not in _shown(_refused(CrmApi.model_validate, {"token": secret}))
    assert secret not in _shown(_refused(CrmApi.model_validate_strings, {"token": secret}))
    assert secret not in _shown(_refused(CrmApi.model_validate_json, '{"token": "' + secret + '"}'))
    assert secret not in _shown(_refused(Picky.model_validate_json, '{"token": "' + secret + '"}'))
    error = _refused(Picky, token=secret, size=-1)
    assert "size: -1 is no size" in str(error)
    assert "is a poor token" in str(error)
    assert secret not in _shown(error)
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_a_refused_assignment_names_the_field_and_not_the_value(canary: Plant) -> None:
    secret = canary("token")
    block = Picky(token="fine", size=1)
    error = _refused(setattr, block, "token", [secret])
    assert secret not in _shown(error)
    assert block.token.get_secret_value() == "fine"
    block.token = "another"  # type: ignore[assignment]
    assert repr(block.token) == "SecretStr('**********')"


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(BlockValidationError, match="tokn: Extra inputs are not permitted") as refusal:
        CrmApi(base_url="https://x.example.com", tokn="x")  # type: ignore[call-arg]
    assert {problem.field for problem in refusal.value.problems} == {"token", "tokn"}


def test_a_saved_block_is_pickled_as_its_reference(registry: Registry, canary: Plant) -> None:
    secret = canary("token")
    block = crm(secret)
    with pytest.raises(BlockNotSaved):
        pickle.dumps(block)
    block.save("prod-crm")
    pickled = pickle.dumps(block)
    assert b"prod-crm@1" in pickled
    crm("another-token").save("prod-crm", overwrite=True)
    assert pickle.loads(pickled) == block


def test_a_changed_block_has_no_reference(registry: Registry) -> None:
    crm("token-one").save("prod-crm")
    block = CrmApi.load("prod-crm")
    assert reference_of(block) == Reference("prod-crm", None, 1)
    twin = copy.deepcopy(block)
    assert reference_of(twin) == reference_of(copy.copy(block)) == reference_of(block)
    twin.page_size = 5
    assert reference_of(twin) is None
    assert reference_of(block.model_copy(update={"page_size": 5})) is None
    with pytest.raises(BlockNotSaved):
        pickle.dumps(twin)
    assert reference_of(block) == Reference("prod-crm", None, 1)
    twin.page_size = 100
    assert reference_of(twin) == Reference("prod-crm", None, 1)


def test_fields_may_have_the_names_of_anything(registry: Registry) -> None:
    with pytest.warns(UserWarning, match="shadows"):

        class Greedy(Block, slug="test-greedy"):
            label: str
            history: int
            reference: str
            version: int
            schema: str
            name: str

    greedy = Greedy(label="l", history=1, reference="r", version=2, schema="s", name="n")
    greedy.save("greedy")
    assert Greedy.load("greedy") == greedy
    assert reference_of(Greedy.load("greedy")) == Reference("greedy", None, 1)


def test_block_itself_is_not_saved(registry: Registry) -> None:
    with pytest.raises(BlockNotStorable, match="Block itself"):
        Block().save("nothing")
    with pytest.raises(BlockNotStorable, match="names a version"):
        crm().save("prod-crm@3")


def test_a_base_class_loads_its_subclasses(registry: Registry) -> None:
    class Store(Block, ABC, slug="test-abstract-store"):
        @abstractmethod
        def where(self) -> str: ...

    class Shelf(Store, slug="test-shelf"):
        row: int

        def where(self) -> str:
            return f"row {self.row}"

    Shelf(row=3).save("books")
    assert Store.load("books").where() == "row 3"
    with pytest.raises(WrongBlockType):
        CrmApi.load("books")


def test_a_generic_type_is_one_type(registry: Registry) -> None:
    class Box(Block, Generic[T], slug="test-generic-box"):
        value: T

    Box[int](value=3).save("box")
    assert Box[int].load("box") == Box[int](value=3)
    assert type(Block.load("box")) is Box
    with pytest.raises(BlockValidationError):
        Box[dict].load("box")


def test_the_watcher_is_told_of_every_load(registry: Registry) -> None:
    crm().save("prod-crm")
    seen: list[Reference] = []
    stop = watch_loads(seen.append)
    Block.load("prod-crm")
    stop()
    Block.load("prod-crm")
    assert [str(reference) for reference in seen] == ["prod-crm@1"]


class PinnedAt:
    def __init__(self, **versions: int) -> None:
        self.versions = versions
        self.seen: list[tuple[str, int]] = []

    def version(self, name: str) -> int | None:
        return self.versions.get(name)

    def loaded(self, name: str, version: int) -> None:
        self.seen.append((name, version))


def test_bare_names_can_be_pinned_and_other_names_are_not(registry: Registry) -> None:
    class Holder(Block, slug="test-pinned-holder"):
        inner: CrmApi

    first = crm("token-one").save("prod-crm")
    crm("token-two").save("prod-crm", overwrite=True, labels=["stable"])
    crm("token-three").save("prod-crm", overwrite=True)
    Holder(inner=Block.load("prod-crm")).save("holder")
    pins = PinnedAt(**{"prod-crm": first.number})
    put_back = pin_loads(pins)
    try:
        found = CrmApi.load("prod-crm")
        found_by_type = Block.load("test-crm-api/prod-crm@latest")
        others = [CrmApi.load("prod-crm@2"), CrmApi.load("prod-crm@stable")]
        held = Holder.load("holder").inner
    finally:
        put_back()
    assert [str(reference_of(block)) for block in (found, found_by_type, held)] == ["prod-crm@1"] * 3
    assert [str(reference_of(block)) for block in others] == ["prod-crm@2", "prod-crm@2"]
    assert pins.seen == [("prod-crm", 1), ("prod-crm", 1), ("prod-crm", 1), ("holder", 1)]
    assert str(reference_of(CrmApi.load("prod-crm"))) == "prod-crm@3"


def test_slug_and_title_come_from_the_class_name() -> None:
    class AWSAccount2(Block):
        """Described."""

    assert (AWSAccount2.__block__.slug, AWSAccount2.__block__.title) == ("aws-account2", "AWS Account2")

    class Named(AWSAccount2, slug="test-named", title="A name", icon="tag", schema_version=3, public=False):
        pass

    class Derived(Named):
        pass

    assert (Named.__block__.title, Named.__block__.icon, Named.__block__.schema_version) == ("A name", "tag", 3)
    assert (Derived.__block__.slug, Derived.__block__.title, Derived.__block__.schema_version) == (
        "derived",
        "Derived",
        1,
    )
    assert not Derived.__block__.public


def test_a_field_of_a_plain_model_may_be_a_block(registry: Registry) -> None:
    class Job(BaseModel):
        crm: CrmApi

    block = crm()
    assert Job(crm=block).crm is block
    assert Job.model_validate({"crm": {"base_url": "https://x.example.com", "token": "t"}}).crm.page_size == 100


def test_importing_blocks_loads_nothing_heavy() -> None:
    heavy = ("asyncio", "sqlite3", "duckdb", "ahocorasick_rs", "cryptography", "pydantic_settings")
    script = f"import sys, strongroom_blocks; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_environment_variables_are_named_by_document_and_field(registry: Registry) -> None:
    block = crm("token-one")
    assert block.environment()["TEST_CRM_API_TOKEN"] == "token-one"
    block.save("prod-crm")
    assert block.environment() == {
        "PROD_CRM_BASE_URL": "https://crm.example.com/",
        "PROD_CRM_TOKEN": "token-one",
        "PROD_CRM_PAGE_SIZE": "100",
    }


def test_the_last_definition_in_a_module_wins_and_two_modules_are_told_apart(registry: Registry) -> None:
    def define(module: str) -> type[Block]:
        namespace = {"__module__": module, "__annotations__": {"n": int}}
        return types.new_class("Again", (Block,), {"slug": "test-again"}, lambda body: body.update(namespace))

    first = define("notebook")
    first(n=1).save("it")
    again = define("notebook")
    assert type(Block.load("it")) is again
    other = define("elsewhere")
    with pytest.raises(LookupError, match=r"elsewhere\.Again and notebook\.Again"):
        Block.load("it")
    assert type(other.load("it")) is other


def test_a_missing_and_a_deleted_block_are_value_errors_too(registry: Registry) -> None:
    with pytest.raises(ValueError, match="There is no block"):
        Block.load("nowhere")
    Pager(number=1).save("pager")
    Pager.delete("pager")
    with pytest.raises(ValueError, match="pager"):
        Pager.load("pager")


def test_attributes_of_types_written_for_prefect_name_the_type(registry: Registry) -> None:
    class OldCrm(Block):
        _block_type_slug = "crm-of-old"
        _block_type_name = "The CRM"
        _logo_url = "https://example.com/logo.png"
        number: int

    class NewCrm(OldCrm):
        pass

    assert (OldCrm.__block__.slug, OldCrm.__block__.title) == ("crm-of-old", "The CRM")
    assert (NewCrm.__block__.slug, NewCrm.__block__.title) == ("new-crm", "New Crm")
    OldCrm(number=7).save("crm")
    assert Block.load("crm-of-old/crm") == OldCrm(number=7)


def test_a_folder_is_found_by_the_slug_that_prefect_scripts_use(registry: Registry) -> None:
    LocalFileSystem(basepath="data").save("place")
    assert Block.load("local-file-system/place") == LocalFolder(basepath="data")
    with pytest.raises(WrongBlockType):
        Pager.load("local-file-system/place")


def test_a_block_written_for_prefect_initializes_itself(registry: Registry) -> None:
    class Server(Block, slug="test-server"):
        _made: list[str] = PrivateAttr(default_factory=list)
        host: str

        def block_initialization(self) -> None:
            self._made.append(self.host)

    class Mirror(Server, slug="test-mirror"):
        _origin: str = "none"

        def block_initialization(self) -> None:
            super().block_initialization()
            self._origin = "initialized"

    assert Server(host="a")._made == ["a"]
    Mirror(host="b").save("mirror")
    for mirror in (Mirror.load("mirror"), copy.deepcopy(Mirror.load("mirror"))):
        assert (mirror._made, mirror._origin) == (["b"], "initialized")
