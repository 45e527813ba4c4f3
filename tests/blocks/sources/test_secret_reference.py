"""References in the place of secrets: wherever a secret may stand, through every way a block goes, shown by none."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

import cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    Secret,
    SecretBytes,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from shelf import Shelf
from strongroom_blocks import Block, SecretDict, encoding, nesting, reveal, schema, secret_from
from strongroom_blocks.errors import BlockNotSaved, BlockValidationError, SecretAbsent, SecretUnfit
from strongroom_blocks.sources.acceptance import reference_at
from strongroom_blocks.sources.registered import using_sources
from strongroom_blocks.sources.secret_reference import HoldsReferences, Referenced, located, references_in
from strongroom_registry import Registry, open_registry, using

T = TypeVar("T")


class ApiKey(SecretStr):
    """A kind of the user's own."""


class SecretDate(Secret[date]):
    def _display(self) -> str:
        return "****-**-**"


class Inner(BaseModel):
    user: str = "reader"
    password: SecretStr = SecretStr("")
    key: SecretBytes | None = None
    pin: Secret[int] | None = None


@dataclasses.dataclass
class Login:
    user: str
    password: SecretStr


class Basic(BaseModel):
    kind: Literal["basic"] = "basic"
    password: SecretStr


class Bearer(BaseModel):
    kind: Literal["bearer"] = "bearer"
    token: SecretBytes


class Everything(Block, slug="test-reference-everything"):
    token: SecretStr = SecretStr("")
    raw: SecretBytes = SecretBytes(b"")
    pin: Secret[int] = Secret(0)
    config: Secret[dict[str, Any]] = Secret({})
    names: Secret[list[str]] = Secret([])
    anything: Secret[Any] = Secret(None)
    headers: SecretDict = SecretDict({})
    maybe: SecretStr | None = None
    either: Secret[int] | SecretStr = Secret(0)
    inner: Inner = Inner()
    login: Login | None = None
    auth: Annotated[Basic | Bearer, Field(discriminator="kind")] | None = None
    many: list[SecretStr] = Field(default_factory=list)
    named: dict[str, SecretBytes] = Field(default_factory=dict)
    pair: tuple[SecretStr, Secret[int]] | None = None
    unordered: set[SecretStr] = Field(default_factory=set)
    keyed: dict[SecretStr, int] = Field(default_factory=dict)
    deep: dict[str, list[Inner | None]] = Field(default_factory=dict)
    born: SecretDate | None = None
    own: ApiKey | None = None
    open: Any = None
    sealed: Secret[Inner] | None = None


class Box(Block, Generic[T], slug="test-reference-box"):
    value: T


class Outer(Block, slug="test-reference-outer"):
    inside: Everything
    more: list[Everything] = Field(default_factory=list)


class Strict(Block, slug="test-reference-strict"):
    token: Annotated[SecretStr, Field(min_length=8)]
    upper: SecretStr = SecretStr("")
    both: SecretStr = SecretStr("")

    @field_validator("upper", mode="before")
    @classmethod
    def _strip(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @field_validator("upper")
    @classmethod
    def _check(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().isupper():
            raise ValueError(f"{value.get_secret_value()} is not in capitals")
        return value


class Waiting(Block, slug="test-reference-waiting"):
    token: Annotated[
        SecretStr | None, AfterValidator(lambda value: value and SecretStr(value.get_secret_value().upper()))
    ] = None
    seen: Secret[int] | None = None

    @field_validator("seen")
    @classmethod
    def _at_once(cls, value: Any, info: ValidationInfo) -> Any:
        SEEN.append((value, dict(info.data)))
        return value


SEEN: list[tuple[Any, dict[str, Any]]] = []


class Defaults(Block, slug="test-reference-defaults"):
    token: SecretStr = secret_from("env:REFERENCE_DEFAULT")
    pin: Secret[int] = secret_from("env:REFERENCE_PIN")
    raw: SecretBytes = secret_from("env:REFERENCE_DEFAULT")


SECRETS = {
    "text": "made-up-text", "number": "4711", "json": '{"a": {"b": [1, "made-up-leaf"]}}', "list": '["made-up-item"]',
    "day": "1999-12-31", "bytes": b"\xff\x00\xfe\x01made-up",
}  # fmt: skip


@pytest.fixture(autouse=True)
def shelf() -> Iterator[Shelf]:
    shelf = Shelf(**SECRETS)
    with using_sources({"shelf": shelf}):
        yield shelf


def from_shelf(name: str = "text") -> Any:
    return secret_from(f"shelf:{name}")


PLACES: list[tuple[dict[str, Any], Callable[[Everything], Any], Any]] = [
    ({"token": "text"}, lambda b: b.token.get_secret_value(), "made-up-text"),
    ({"raw": "text"}, lambda b: b.raw.get_secret_value(), b"made-up-text"),
    ({"raw": "bytes"}, lambda b: b.raw.get_secret_value(), SECRETS["bytes"]),
    ({"pin": "number"}, lambda b: b.pin.get_secret_value(), 4711),
    ({"config": "json"}, lambda b: b.config.get_secret_value(), {"a": {"b": [1, "made-up-leaf"]}}),
    ({"names": "list"}, lambda b: b.names.get_secret_value(), ["made-up-item"]),
    ({"anything": "text"}, lambda b: b.anything.get_secret_value(), "made-up-text"),
    ({"headers": "json"}, lambda b: b.headers.get_secret_value(), {"a": {"b": [1, "made-up-leaf"]}}),
    ({"headers": {"x": "text", "y": ["plain"]}}, lambda b: b.headers.get_secret_value(), {"x": "made-up-text",
                                                                                       "y": ["plain"]}),
    ({"headers": {"x": "text"}}, lambda b: b.headers["x"].get_secret_value(), "made-up-text"),
    ({"config": {"x": ["text", "number"]}}, lambda b: b.config.get_secret_value(), {"x": ["made-up-text", "4711"]}),
    ({"maybe": "text"}, lambda b: b.maybe.get_secret_value(), "made-up-text"),
    ({"either": "number"}, lambda b: b.either.get_secret_value(), 4711),
    ({"inner": {"password": "text"}}, lambda b: b.inner.password.get_secret_value(), "made-up-text"),
    ({"inner": {"key": "text"}}, lambda b: b.inner.key.get_secret_value(), b"made-up-text"),
    ({"inner": {"pin": "number"}}, lambda b: b.inner.pin.get_secret_value(), 4711),
    ({"login": {"user": "u", "password": "text"}}, lambda b: b.login.password.get_secret_value(), "made-up-text"),
    ({"auth": {"kind": "bearer", "token": "text"}}, lambda b: b.auth.token.get_secret_value(), b"made-up-text"),
    ({"auth": {"kind": "basic", "password": "text"}}, lambda b: b.auth.password.get_secret_value(), "made-up-text"),
    ({"many": ["text", "number"]}, lambda b: [s.get_secret_value() for s in b.many], ["made-up-text", "4711"]),
    ({"named": {"a": "text"}}, lambda b: b.named["a"].get_secret_value(), b"made-up-text"),
    ({"pair": ("text", "number")}, lambda b: tuple(s.get_secret_value() for s in b.pair), ("made-up-text", 4711)),
    ({"unordered": ["text"]}, lambda b: {s.get_secret_value() for s in b.unordered}, {"made-up-text"}),
    ({"deep": {"a": [None, {"pin": "number"}]}}, lambda b: b.deep["a"][1].pin.get_secret_value(), 4711),
    ({"born": "day"}, lambda b: b.born.get_secret_value(), date(1999, 12, 31)),
    ({"own": "text"}, lambda b: b.own.get_secret_value(), "made-up-text"),
    ({"open": {"x": ["text"]}}, lambda b: b.open["x"][0].get_secret_value(), "made-up-text"),
    ({"sealed": {"password": "text"}}, lambda b: b.sealed.get_secret_value().password.get_secret_value(),
     "made-up-text"),
    ({"sealed": {"pin": "number"}}, lambda b: b.sealed.get_secret_value().pin.get_secret_value(), 4711),
]  # fmt: skip


def with_references(tree: Any, make: Callable[[str], Any]) -> Any:
    if isinstance(tree, dict):
        return {key: with_references(item, make) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(with_references(item, make) for item in tree)
    return make(tree) if isinstance(tree, str) and tree in SECRETS else tree


@pytest.mark.parametrize(("given", "get", "value"), PLACES)
class TestPlaces:
    def test_it_is_revealed_as_its_field_wants_it(self, given, get, value, shelf) -> None:
        block = Everything(**with_references(given, from_shelf))
        assert not shelf.calls
        assert get(block) == value
        assert type(get(block)) is type(value)
        assert len(shelf.calls) == 1

    def test_it_comes_back_from_the_registry(self, given, get, value, shelf, registry: Registry) -> None:
        block = Everything(**with_references(given, from_shelf))
        block.save("it")
        back = Everything.load("it")
        assert back == block
        assert dict(located(back)) == dict(located(block)) != {}
        assert not shelf.calls
        assert get(back) == value
        back.save("again")
        assert Everything.load("again") == block

    def test_what_is_saved_is_the_reference(self, given, get, value, shelf) -> None:
        block = Everything(**with_references(given, from_shelf))
        get(block)
        payload = nesting.dump(block)
        for secret in SECRETS.values():
            assert (secret if isinstance(secret, bytes) else secret.encode()) not in payload
        tree = json.loads(payload)["$exact"]
        assert payload.count(b'{"$source":"shelf:') == len(list(references_in(block)))
        assert tree

    def test_input_from_files_says_it_as_an_object(self, given, get, value) -> None:
        written = json.loads(json.dumps(with_references(given, lambda name: {"$source": f"shelf:{name}"})))
        assert get(Everything(**nesting.resolve(written))) == value

    def test_nothing_shows_the_value(self, given, get, value) -> None:
        block = Everything(**with_references(given, from_shelf))
        get(block)
        dumps = [block.model_dump_json(), str(block.model_dump()), str(block.model_dump(mode="json"))]
        for shown in (
            repr(block),
            str(block),
            *dumps,
            *map(str, references_in(block)),
            *map(repr, references_in(block)),
        ):
            assert "made-up" not in shown
            assert "4711" not in shown

    def test_copies_and_assignments_keep_it(self, given, get, value, shelf) -> None:
        block = Everything(**with_references(given, from_shelf))
        for twin in (copy.copy(block), copy.deepcopy(block), block.model_copy(deep=True), Everything(**dict(block))):
            assert twin == block
            assert get(twin) == value
        assigned = Everything()
        for name, item in with_references(given, from_shelf).items():
            setattr(assigned, name, item)
        assert assigned == block
        assert get(assigned) == value
        validated = Everything.model_validate(with_references(given, from_shelf))
        assert validated == block
        assert get(validated) == value

    def test_a_pickle_of_it_is_the_reference(self, given, get, value, registry: Registry) -> None:
        block = Everything(**with_references(given, from_shelf))
        get(block)
        with pytest.raises(BlockNotSaved):
            pickle.dumps(block)
        for reference in references_in(block):
            for module in (pickle, cloudpickle):
                written = module.dumps(reference)
                assert b"made-up" not in written
                back = pickle.loads(written)
                assert back == reference
                assert type(back) is type(reference)
                assert back.get_secret_value() == reference.get_secret_value()


def test_a_reference_is_what_its_field_declares() -> None:
    block = Everything(token=from_shelf(), raw=from_shelf(), pin=from_shelf(), headers=from_shelf("json"))
    assert isinstance(block.token, SecretStr)
    assert isinstance(block.raw, SecretBytes)
    assert isinstance(block.pin, Secret)
    assert isinstance(block.headers, SecretDict)
    assert list(block.headers) == ["a"]
    assert "a" in block.headers
    assert len(block.headers) == 1
    assert block.token
    assert len(block.token) == len("made-up-text")
    assert reveal(block.token) == "made-up-text"


def test_it_shows_its_text_and_stars() -> None:
    reference = from_shelf()
    assert repr(reference) == "secret_from('shelf:text')"
    assert str(reference) == "**********"
    assert repr(Everything(token=reference).token) == repr(reference)
    shown = Everything(token=reference, pin=reference, raw=reference, open=reference).model_dump_json()
    fields = json.loads(shown)
    assert {fields[name] for name in ("token", "pin", "raw", "open")} == {"**********"}


def test_equal_is_what_points_at_the_same(shelf: Shelf) -> None:
    assert from_shelf() == from_shelf()
    assert hash(from_shelf()) == hash(from_shelf())
    assert from_shelf() != from_shelf("number")
    assert Everything(token=from_shelf()).token != SecretStr("made-up-text")
    assert SecretStr("made-up-text") != Everything(token=from_shelf()).token
    assert Everything(token=from_shelf()) == Everything(token=from_shelf())
    assert Everything(token=from_shelf()) != Everything(token="made-up-text")
    assert not shelf.calls


def test_a_reference_goes_from_one_block_to_another() -> None:
    raw = Everything(raw=from_shelf()).raw
    assert Everything(token=raw).token.get_secret_value() == "made-up-text"
    assert Everything(raw=Everything(token=raw).token).raw.get_secret_value() == b"made-up-text"


def test_models_that_were_made_with_references_get_to_know_their_fields() -> None:
    block = Everything(
        inner=Inner(user="x", password=from_shelf(), key=from_shelf()),
        login=Login("x", from_shelf()),
        auth=Bearer(token=from_shelf()),
    )
    assert block.inner.password.get_secret_value() == "made-up-text"
    assert block.inner.key is not None
    assert block.inner.key.get_secret_value() == b"made-up-text"
    assert isinstance(block.auth, Bearer)
    assert block.auth.token.get_secret_value() == b"made-up-text"
    assert block.inner.user == "x"


def test_a_model_that_is_no_block_says_how_to_give_it_one() -> None:
    with pytest.raises(ValidationError, match="as a dict"):
        Inner(pin=from_shelf("number"))


def test_a_subclass_of_a_model_stays_one() -> None:
    class Wider(Inner):
        more: int = 5

    inner = Wider(password=from_shelf())
    assert Everything(inner=inner).inner is inner


def test_models_without_references_are_left_as_they_are() -> None:
    inner = Inner(password="x")
    assert Everything(inner=inner, token=from_shelf()).inner is inner


def test_fields_without_secrets_take_none() -> None:
    class Plain(Block, slug="test-reference-plain"):
        url: str
        token: SecretStr

    with pytest.raises(BlockValidationError, match="url: a reference to a secret fits secret fields alone"):
        Plain(url=from_shelf(), token="x")
    block = Plain(url="x", token="x")
    with pytest.raises(BlockValidationError, match="fits secret fields alone"):
        block.url = from_shelf()
    with pytest.raises(BlockValidationError, match="fits secret fields alone"):
        Plain.model_validate({"url": from_shelf(), "token": "x"})


def test_constraints_and_validators_wait_for_the_secret(shelf: Shelf, registry: Registry) -> None:
    block = Strict(token=from_shelf("short"), upper=from_shelf("word"), both=from_shelf())
    block.save("strict")
    block = Strict.load("strict")
    assert not shelf.calls
    shelf.secrets |= {"short": "seven77", "word": "small letters"}
    with pytest.raises(SecretUnfit, match="shelf:short") as caught:
        block.token.get_secret_value()
    assert "seven77" not in str(caught.value)
    with pytest.raises(SecretUnfit, match=r"shelf:word.*\*\*\* is not in capitals") as caught:
        block.upper.get_secret_value()
    assert "small letters" not in str(caught.value)
    with using_sources({"shelf": Shelf(word=" LARGE ", short="long enough")}):
        assert block.upper.get_secret_value() == "LARGE"
        assert block.token.get_secret_value() == "long enough"


def test_validators_wait_for_an_optional_secret_too(shelf: Shelf) -> None:
    block = Waiting(token=from_shelf())
    assert not shelf.calls
    assert block.token is not None
    assert block.token.get_secret_value() == "MADE-UP-TEXT"


def test_a_validator_that_asks_for_more_than_the_value_sees_the_reference(shelf: Shelf) -> None:
    SEEN.clear()
    block = Waiting(seen=from_shelf("number"))
    [(value, others)] = SEEN
    assert (value, others) == (from_shelf("number"), {"token": None})
    assert not shelf.calls
    assert block.seen is not None
    assert block.seen.get_secret_value() == 4711


@pytest.mark.parametrize(
    ("field", "name"),
    [("pin", "text"), ("config", "text"), ("config", "list"), ("headers", "number"), ("names", "json"),
     ("token", "bytes"), ("born", "text"), ("own", "bytes")],
)  # fmt: skip
def test_what_does_not_fit_is_told_without_the_value(field: str, name: str, canary) -> None:
    value = SECRETS[name]
    with pytest.raises(SecretUnfit, match=f"shelf:{name}") as caught:
        getattr(Everything(**{field: from_shelf(name)}), field).get_secret_value()
    shown = f"{caught.value!r} {caught.value.remedy}"
    assert "made-up" not in shown
    assert str(value) not in shown
    assert caught.value.__context__ is caught.value.__cause__ is None
    frame = caught.tb
    while frame is not None:
        if "strongroom_blocks" in frame.tb_frame.f_code.co_filename:
            assert not any(value == local for local in frame.tb_frame.f_locals.values())
        frame = frame.tb_next


def test_defaults_may_be_references(monkeypatch: pytest.MonkeyPatch, registry: Registry, canary) -> None:
    token = canary("default")
    monkeypatch.setenv("REFERENCE_DEFAULT", token)
    monkeypatch.setenv("REFERENCE_PIN", "4711")
    block = Defaults()
    assert block.token.get_secret_value() == token
    assert block.raw.get_secret_value() == token.encode()
    assert block.pin.get_secret_value() == 4711
    block.save("defaults")
    assert Defaults.load("defaults") == Defaults()
    assert Defaults(token="x").pin.get_secret_value() == 4711


def test_generic_blocks_take_them(registry: Registry) -> None:
    box = Box[Secret[int]](value=from_shelf("number"))
    assert box.value.get_secret_value() == 4711
    box.save("box")
    assert Box[Secret[int]].load("box").value.get_secret_value() == 4711


def test_the_environment_and_the_schema_do_not_see_a_difference(registry: Registry, shelf: Shelf) -> None:
    plain = Everything(token="made-up-text", pin=4711, headers={"X": "made-up-text"})
    pointing = Everything(token=from_shelf(), pin=from_shelf("number"), headers={"X": from_shelf()})
    assert pointing.environment() == plain.environment()
    assert len(shelf.calls) == 1
    plain.save("one")
    pointing.save("one", overwrite=True)
    assert len({version.schema for version in registry.history("one")}) == 1
    assert schema.schema_text(Everything) == registry.history("one")[0].schema


def test_upgrades_see_references(registry: Registry, shelf: Shelf) -> None:
    seen: list[Any] = []

    class Old(Block, slug="test-reference-upgraded"):
        token: SecretStr
        pin: Secret[int]

    Old(token=from_shelf(), pin=from_shelf("number")).save("up")

    class New(Block, slug="test-reference-upgraded", schema_version=2):
        api_token: SecretStr
        pin: Secret[int]
        second: Secret[int]

    @New.upgrade(from_version=1)
    def rename(fields: dict[str, Any]) -> dict[str, Any]:
        seen.append(fields["token"])
        return {"api_token": fields.pop("token"), **fields, "second": secret_from("shelf:number")}

    block = New.load("up")
    assert seen == [from_shelf()]
    assert not shelf.calls
    assert block.api_token.get_secret_value() == "made-up-text"
    assert (block.pin.get_secret_value(), block.second.get_secret_value()) == (4711, 4711)


def test_an_upgrade_may_bring_a_reference_to_a_plain_document(registry: Registry) -> None:
    class Old(Block, slug="test-reference-moved-out"):
        token: SecretStr

    Old(token="in the store").save("moved")

    class New(Block, slug="test-reference-moved-out", schema_version=2):
        token: SecretStr

    @New.upgrade(from_version=1)
    def move_out(fields: dict[str, Any]) -> dict[str, Any]:
        return {"token": secret_from("shelf:text")}

    assert New.load("moved").token.get_secret_value() == "made-up-text"


def test_no_listing_says_where_a_secret_is_kept(registry: Registry) -> None:
    Everything(token=from_shelf(), inner={"password": from_shelf()}).save("hidden", message="moved out")
    assert b"shelf" not in registry.head("hidden").public


def test_a_block_of_another_machine_loads_where_its_source_is_not(registry: Registry) -> None:
    with using_sources({"elsewhere": Shelf(a="x")}):
        Everything(token=secret_from("elsewhere:a")).save("far")
    back = Everything.load("far")
    assert repr(back.token) == "secret_from('elsewhere:a')"
    with pytest.raises(ValueError, match="elsewhere"):
        back.token.get_secret_value()


def test_nested_blocks_bring_theirs(registry: Registry, shelf: Shelf) -> None:
    saved = Everything(token=from_shelf())
    saved.save("inside")
    Outer(inside=saved, more=[Everything(pin=from_shelf("number"))]).save("outer")
    back = Outer.load("outer")
    assert {path for path, _ in located(back)} == {"inside.token", "more.0.pin"}
    assert back.inside.token.get_secret_value() == "made-up-text"
    assert back.more[0].pin.get_secret_value() == 4711
    assert [set(call) for call in shelf.calls] == [{"text", "number"}]


def test_a_secret_that_was_fetched_is_masked_when_a_message_repeats_it(registry: Registry) -> None:
    block = Everything(token=from_shelf(), open=None)
    block.token.get_secret_value()
    version = block.save("told", message="the token is made-up-text now")
    assert version.message == "the token is ********** now"


def test_a_dump_asks_nobody(shelf: Shelf, registry: Registry) -> None:
    block = Everything(
        **{key: value for place, *_ in PLACES for key, value in with_references(place, from_shelf).items()}
    )
    shelf.failure = AssertionError("asked")
    block.model_dump_json()
    block.model_dump()
    encoding.encode(block, exact=True)
    repr(block)
    hash(block.token)
    block.save("quiet")
    Everything.load("quiet")
    copy.deepcopy(block)
    assert not shelf.calls


def test_what_is_absent_says_so_at_the_reveal() -> None:
    with pytest.raises(SecretAbsent, match="shelf:missing"):
        Everything(token=from_shelf("missing")).token.get_secret_value()
    with pytest.raises(SecretAbsent, match="shelf:missing"):
        Everything(headers={"x": from_shelf("missing")}).headers.get_secret_value()


def test_a_secret_that_holds_references_travels(registry: Registry) -> None:
    headers = Everything(headers={"x": from_shelf(), "y": "plain"}).headers
    assert isinstance(headers, HoldsReferences)
    back = pickle.loads(pickle.dumps(headers))
    assert back.get_secret_value() == {"x": "made-up-text", "y": "plain"}
    assert list(headers) == ["x", "y"]
    assert repr(headers) == repr(SecretDict({"x": "1", "y": "2"}))


VALUES = st.sampled_from(["text", "number", "plain one", "plain two"])
DICTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=2)
INNER = st.fixed_dictionaries(
    {"user": st.just("u"), "password": VALUES}, optional={"key": VALUES, "pin": st.sampled_from(["number", 5])}
)
BLOCKS = st.fixed_dictionaries(
    {},
    optional={
        "token": VALUES, "raw": VALUES, "pin": st.sampled_from(["number", 7]), "anything": VALUES | DICTS,
        "config": st.just("json") | DICTS, "headers": st.just("json") | DICTS, "maybe": st.none() | VALUES,
        "inner": INNER, "either": st.sampled_from(["number", 7]), "many": st.lists(VALUES, max_size=3),
        "named": DICTS,
        "deep": st.dictionaries(st.sampled_from("ab"), st.lists(st.none() | INNER, max_size=2), max_size=2),
        "open": st.recursive(VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
            st.sampled_from(["a", "$source", "$secret"]), inner, max_size=2), max_leaves=4),
        "sealed": INNER, "login": st.fixed_dictionaries({"user": st.just("u"), "password": VALUES}),
    },
)  # fmt: skip


@given(BLOCKS)
def test_any_placement_survives_and_shows_nothing(tree: dict[str, Any]) -> None:
    source = Shelf(**SECRETS)
    with using_sources({"shelf": source}), open_registry("memory:") as registry, using(registry):
        block = Everything(**with_references(tree, lambda name: secret_from(f"shelf:{name}")))
        block.save("any")
        back = Everything.load("any")
        assert back == block
        assert dict(located(back)) == dict(located(block))
        assert not source.calls
        environment = block.environment()
        assert len(source.calls) <= 1
        assert back.environment() == environment
        assert len(source.calls) <= 1
        payload = registry.get("any").payload
        assert b"made-up" not in payload
        assert "made-up" not in f"{block!r} {back} {block.model_dump_json()} {back.model_dump()}"


def test_a_process_without_references_is_not_slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes validators that take references in is not asked for blocks that have none."""
    monkeypatch.setattr(Referenced, "made", False)

    def must_not(*_: object) -> Any:
        raise AssertionError("looked for references")

    monkeypatch.setattr("strongroom_blocks.sources.secret_reference.located", must_not)
    monkeypatch.setattr("strongroom_blocks.sources.secret_reference._holds", must_not)
    monkeypatch.setattr("strongroom_blocks.sources.acceptance._accepting", must_not)
    block = Everything(token="x", headers={"a": "b"})
    block.token = SecretStr("y")
    assert os.fspath("x")
    assert Everything.model_validate({"token": "x"}).token.get_secret_value() == "x"


def test_a_loaded_block_that_is_given_a_reference_has_changed(registry: Registry) -> None:
    from strongroom_blocks import reference_of

    Everything(token="in the store").save("moved")
    block = Everything.load("moved")
    assert reference_of(block) is not None
    block.token = from_shelf()
    assert reference_of(block) is None
    block.save("moved", overwrite=True)
    assert Everything.load("moved").token == from_shelf()


def test_a_reference_whose_model_nobody_else_finds_is_still_pickled() -> None:
    class Local(Block, slug="test-reference-local"):
        raw: SecretBytes
        pin: Secret[int]

    block = Local(raw=from_shelf(), pin=from_shelf("number"))
    assert pickle.loads(pickle.dumps(block.raw)).get_secret_value() == b"made-up-text"
    assert pickle.loads(pickle.dumps(block.pin)).get_secret_value() == "4711"


def test_a_reference_of_a_model_that_changed_since_is_a_loose_one() -> None:
    raw = Everything(raw=from_shelf()).raw
    number = len(PLACES) + 100
    for place in (0, number):
        back = reference_at(Everything, place, SecretDate, "shelf:text")
        assert back == raw
        assert back.get_secret_value() == "made-up-text"
