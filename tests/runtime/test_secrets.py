"""Values in clear, at any depth, for those who hand them on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic import Secret as SecretField
from strongroom import SecretDict
from strongroom.secrets import plain


class Login(BaseModel):
    user: str
    password: SecretStr


def test_secrets_come_out_wherever_they_stand(canary: Any) -> None:
    one, two = canary("one"), canary("two")
    value = {
        "login": Login(user="ada", password=SecretStr(one)),
        "list": [SecretBytes(two.encode()), SecretField[Any]({"deep": SecretStr(two)})],
        "set": frozenset({SecretStr(one)}),
        "headers": SecretDict({"a": 1}),
        "none": None,
    }
    assert plain(value) == {
        "login": {"user": "ada", "password": one},
        "list": [two.encode(), {"deep": two}],
        "set": [one],
        "headers": {"a": 1},
        "none": None,
    }
