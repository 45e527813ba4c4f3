"""Settings that come from blocks: who wins, what is asked for, and that no mistake shows a value."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, BaseModel, Field, HttpUrl, SecretBytes, SecretStr, ValidationError, model_validator
from pydantic import Secret as SecretField
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from strongroom_blocks import Block, SecretDict, documents, secret_from
from strongroom_blocks.errors import BlockValidationError, UnknownBlock, UnknownField
from strongroom_blocks.settings_source import BlockSettingsSource
from strongroom_blocks.types import Secret
from strongroom_registry import Registry
from strongroom_registry.errors import InvalidReference

pytestmark = pytest.mark.usefixtures("registry")


class Login(BaseModel):
    user: str
    password: SecretStr


class Crm(Block, slug="settings-crm"):
    base_url: HttpUrl
    token: SecretStr
    page_size: int = 100
    note: str | None = None
    headers: SecretDict = SecretDict({})
    login: Login | None = None


def settings(block: Any, **fields: Any) -> type[BaseSettings]:
    """A settings class with these fields, read from the environment, then from the block, then from a default."""

    def customise(cls: Any, settings_cls: Any, init_settings: Any, env_settings: Any, **_: Any) -> tuple[Any, ...]:
        return init_settings, env_settings, BlockSettingsSource(settings_cls, block)

    body = {
        "__annotations__": {name: kind if not isinstance(kind, tuple) else kind[0] for name, kind in fields.items()},
        "__module__": __name__,
        "model_config": {"env_nested_delimiter": "__"},
        "settings_customise_sources": classmethod(customise),
        **{name: kind[1] for name, kind in fields.items() if isinstance(kind, tuple)},
    }
    return type("Settings", (BaseSettings,), body)


@pytest.fixture
def token(canary: Any) -> str:
    secret: str = canary("token")
    Crm(
        base_url="https://crm.test/",
        token=secret,
        headers=SecretDict({"X-Key": canary("header")}),
        login=Login(user="ada", password=canary("password")),
    ).save("prod-crm")
    return secret


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(documents, "_watchers", [lambda reference: seen.append(str(reference))])
    return seen


def test_fields_come_from_the_block_by_their_names(token: str) -> None:
    found: Any = settings("prod-crm", base_url=str, token=SecretStr, page_size=int, note=(str, "none"), mine=(int, 3))()
    assert found.base_url == "https://crm.test/"
    assert found.token.get_secret_value() == token
    assert (found.page_size, found.note, found.mine) == (100, "none", 3)


def test_sources_before_it_win_and_sources_after_it_lose(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = settings("prod-crm", page_size=(int, 7), token=SecretStr)
    assert kind().page_size == 100  # type: ignore[attr-defined]
    monkeypatch.setenv("PAGE_SIZE", "20")
    assert kind().page_size == 20  # type: ignore[attr-defined]
    assert kind(page_size=30).page_size == 30  # type: ignore[attr-defined]


def test_the_order_is_the_users(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(BaseSettings):
        page_size: int

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return BlockSettingsSource(settings_cls, "prod-crm"), env_settings

    monkeypatch.setenv("PAGE_SIZE", "20")
    assert Settings().page_size == 100  # type: ignore[call-arg]


def test_a_mapping_names_fields_of_several_blocks(token: str, canary: Any, loads: list[str]) -> None:
    Secret(value=(webhook := canary("webhook"))).save("slack.hook")
    kind = settings(
        {"api_token": "prod-crm#token", "hook": "slack.hook.value", "key": "prod-crm@1.headers.X-Key",
         "user": "settings-crm/prod-crm#login.user"},
        api_token=SecretStr, hook=SecretStr, key=SecretStr, user=str,
    )  # fmt: skip
    found: Any = kind()
    assert found.api_token.get_secret_value() == token
    assert found.hook.get_secret_value() == webhook
    assert found.key.get_secret_value().startswith("canary-header")
    assert found.user == "ada"
    assert sorted(loads) == ["prod-crm@1"] * 3 + ["slack.hook@1"]  # three ways to write one block, each asked once


def test_a_block_is_asked_once_however_many_fields_it_gives(token: str, loads: list[str]) -> None:
    settings("prod-crm", base_url=str, token=SecretStr, page_size=int)()
    assert loads == ["prod-crm@1"]


def test_nothing_is_loaded_that_others_have_given(token: str, loads: list[str]) -> None:
    settings("prod-crm", token=SecretStr)(token="theirs")
    settings({"token": "no-such-block"}, token=SecretStr)(token="theirs")
    assert loads == []


def test_the_next_settings_see_the_next_version(token: str, canary: Any) -> None:
    kind: Any = settings("prod-crm", token=SecretStr)
    kind()
    Crm(base_url="https://crm.test", token=(second := canary("second"))).save("prod-crm", overwrite=True)
    assert kind().token.get_secret_value() == second


def test_a_whole_block_is_the_block(token: str) -> None:
    found: Any = settings({"crm": "prod-crm"}, crm=Crm)()
    assert found.crm == Crm.load("prod-crm")
    assert str(found.crm.__strongroom_origin__.resolved) == "prod-crm@1"


def test_a_whole_block_fills_a_model_and_the_environment_goes_over_it(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Part(BaseModel):
        token: SecretStr
        page_size: int
        login: Login

        model_config = {"extra": "ignore"}

    monkeypatch.setenv("CRM__PAGE_SIZE", "5")
    monkeypatch.setenv("CRM__LOGIN__USER", "grace")
    for annotation in (Part, Crm):
        crm = settings({"crm": "prod-crm"}, crm=annotation)().crm  # type: ignore[attr-defined]
        assert type(crm) is annotation
        assert (crm.page_size, crm.login.user, crm.token.get_secret_value()) == (5, "grace", token)
        assert crm.login.password.get_secret_value().startswith("canary-password")


def test_a_part_that_is_given_under_an_alias_is_merged(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMOTE__PAGE_SIZE", "5")
    kind = settings({"crm": "prod-crm"}, crm=(Crm, Field(validation_alias=AliasChoices("remote", "crm"))))
    kind.model_config["populate_by_name"] = True
    found: Any = kind()
    assert (found.crm.page_size, found.crm.token.get_secret_value()) == (5, token)


def test_aliases_are_respected(token: str) -> None:
    choices = Field(validation_alias=AliasChoices("token", "crm_token"))
    found: Any = settings("prod-crm", api_key=(SecretStr, choices), size=(int, Field(alias="page_size")))()
    assert (found.api_key.get_secret_value(), found.size) == (token, 100)


@pytest.mark.parametrize(
    ("annotation", "stored", "expected"),
    [
        (SecretStr, "0123456", "0123456"),
        (SecretBytes, "0123456", b"0123456"),
        (SecretField[int], "0123456", 123456),
        (SecretStr | None, "0123456", "0123456"),
        (SecretDict, {"a": "b"}, {"a": "b"}),
    ],
)
def test_a_secret_changes_from_one_secret_kind_to_another(annotation: Any, stored: Any, expected: Any) -> None:
    Secret(value=stored).save("s")
    found: Any = settings({"mine": "s#value"}, mine=annotation)()
    assert found.mine.get_secret_value() == expected


def shown(error: BaseException) -> str:
    """All that an error may be told by, with the local variables of the frames behind the test's own."""
    behind = error.__traceback__.tb_next if error.__traceback__ else None
    trace = traceback.TracebackException(type(error), error, behind, capture_locals=True)
    texts = [str(error), repr(error), *trace.format()]
    if isinstance(error, ValidationError):
        texts += [str(error.errors()), error.json()]
    return "\n".join(texts)


@pytest.mark.parametrize(
    "annotation",
    [str, int, str | int, HttpUrl, SecretField[int], Annotated[SecretStr, Field(max_length=3)], dict[str, str],
     list[SecretStr], Login, bytes],
)  # fmt: skip
def test_a_secret_that_does_not_fit_is_refused_without_being_shown(token: str, annotation: Any) -> None:
    with pytest.raises(BlockValidationError, match="mine") as caught:
        settings({"mine": "prod-crm#token"}, mine=annotation)()
    assert "SecretStr" in caught.value.remedy
    assert token not in shown(caught.value)
    assert caught.value.__context__ is None


def test_a_union_that_could_take_the_plain_text_does_not_get_it(token: str) -> None:
    with pytest.raises(BlockValidationError):
        settings({"mine": "prod-crm#token"}, mine=SecretField[int] | str)()


def test_mistakes_in_other_fields_do_not_show_what_the_block_gave(token: str) -> None:
    class Part(BaseModel):
        token: str

    with pytest.raises(ValidationError) as caught:
        settings("prod-crm", token=SecretStr, missing=int)()
    assert token not in shown(caught.value)
    with pytest.raises(BlockValidationError) as refused:
        settings({"crm": "prod-crm"}, crm=Part)()
    assert "crm.token" in str(refused.value)
    assert token not in shown(refused.value)


def test_a_validator_of_the_whole_does_not_show_what_the_block_gave(token: str) -> None:
    class Strict(settings("prod-crm", token=SecretStr, page_size=int)):  # type: ignore[misc]
        @model_validator(mode="after")
        def _never(self) -> Any:
            raise ValueError("no")

    with pytest.raises(ValidationError) as caught:
        Strict()
    assert token not in shown(caught.value)


def test_a_public_field_that_does_not_fit_is_told(token: str) -> None:
    with pytest.raises(BlockValidationError, match=r"Settings: base_url: .*valid integer") as caught:
        settings("prod-crm", base_url=int)()
    assert not caught.value.remedy


@pytest.mark.parametrize(
    ("block", "error", "told"),
    [
        ("prod-cmr", UnknownBlock, "Did you mean prod-crm"),
        ("prod-crm@9", Exception, "9"),
        ("Not A Name", InvalidReference, "no name"),
        ({"token": "prod-cmr.token"}, UnknownBlock, "Did you mean prod-crm"),
        ({"token": "prod-crm.tokn"}, UnknownField, 'prod-crm has no field "tokn". There is base_url'),
        ({"token": "prod-crm#login.word"}, UnknownField, 'prod-crm.login has no field "word". There is password, user'),
        ({"token": "prod-crm#token.x"}, UnknownField, "single value"),
        ({"token": "prod-crm#"}, BlockValidationError, "token"),
        ({"token": "#token"}, InvalidReference, "no name"),
        ({"token": ""}, InvalidReference, "no name"),
        ({"tokn": "prod-crm#token"}, UnknownField, 'Settings has no setting "tokn"'),
    ],
)
def test_wrong_names_are_told(token: str, block: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told.replace(".", r"\.")):
        settings(block, token=SecretStr)()


def test_a_text_that_can_mean_two_blocks_is_refused(token: str, canary: Any) -> None:
    Secret(value=canary()).save("a")
    Secret(value=canary()).save("a.value")
    with pytest.raises(InvalidReference, match=r'"a\.value#" or "a#value"'):
        settings({"token": "a.value"}, token=SecretStr)()
    assert settings({"token": "a#value"}, token=SecretStr)()


def test_a_label_with_dots_is_found(token: str, registry: Registry) -> None:
    Crm.label("prod-crm", "v1.2")
    found: Any = settings({"token": "prod-crm@v1.2.token"}, token=SecretStr)()
    assert found.token.get_secret_value() == token


def test_the_keys_of_a_secret_mapping_are_not_told(canary: Any) -> None:
    Secret(value={(key := canary("key")): 1}).save("s")
    with pytest.raises(UnknownField, match="Name what is there") as caught:
        settings({"token": "s#value.x"}, token=SecretStr)()
    assert key not in str(caught.value)


def test_a_reference_to_a_secret_is_fetched_when_it_is_revealed(canary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Crm(base_url="https://crm.test", token=secret_from("env:SETTINGS_TOKEN")).save("pointing")
    found: Any = settings("pointing", token=SecretStr)()
    monkeypatch.setenv("SETTINGS_TOKEN", secret := canary("pointed-at"))
    assert found.token.get_secret_value() == secret
    with pytest.raises(BlockValidationError) as caught:
        settings("pointing", token=str)()
    assert "SecretStr" in caught.value.remedy


def test_its_repr_names_blocks_alone(token: str) -> None:
    assert repr(BlockSettingsSource(BaseSettings, "prod-crm")) == "BlockSettingsSource('prod-crm')"


def test_it_can_be_found_where_users_look(tmp_path: Path) -> None:
    import strongroom

    assert strongroom.BlockSettingsSource is BlockSettingsSource
