"""Secret kinds hide, and there is one way out."""

from __future__ import annotations

import pytest
from canaries import Plant
from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from strongroom_blocks import Block, SecretDict, reveal
from strongroom_blocks.errors import BlockValidationError


def test_a_secret_dict_shows_its_names_and_hides_its_values(canary: Plant) -> None:
    secret = canary("header")

    class Api(BaseModel):
        headers: SecretDict

    api = Api(headers={"Authorization": secret})  # type: ignore[arg-type]
    for shown in (repr(api), str(api), str(api.model_dump()), api.model_dump_json(), str(dict(api.headers))):
        assert secret not in shown
        assert "Authorization" in shown
    assert list(api.headers) == list(api.headers.keys()) == ["Authorization"]
    assert "Authorization" in api.headers
    assert len(api.headers) == 1
    assert api.headers["Authorization"].get_secret_value() == secret
    assert reveal(api.headers) == {"Authorization": secret}


def test_reveal_opens_each_kind_and_nothing_else() -> None:
    assert reveal(SecretStr("x")) == "x"
    assert reveal(SecretBytes(b"x")) == b"x"
    assert reveal(Secret[int](5)) == 5
    with pytest.raises(TypeError, match="not str"):
        reveal("x")  # type: ignore[call-overload]


def test_a_key_of_a_secret_mapping_is_not_told_in_an_error(canary: Plant) -> None:
    class Holder(Block, slug="test-secret-keys"):
        by_key: dict[str, dict[str, Secret[int]]]

    secret = canary("key")
    with pytest.raises(BlockValidationError) as refusal:
        Holder(by_key={"outer": {secret: secret}})  # type: ignore[dict-item]
    assert secret not in str(refusal.value)
