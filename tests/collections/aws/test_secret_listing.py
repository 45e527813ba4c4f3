"""All secrets of AWS Secrets Manager by their beginning, and their way into a registry."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from click.testing import CliRunner
from servers.aws_api import AwsApi, aws_api
from servers.s3 import S3Server
from strongroom import Secret
from strongroom.cli import main
from strongroom.interchange import FoundDocument, Skipped
from strongroom.sources import SecretDenied
from strongroom_aws.errors import AccessDenied, AwsError, EndpointUnreachable, RequestRefused
from strongroom_aws.importer import secrets as found_in
from strongroom_aws.secret_listing import secrets_below

pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture
def prefix() -> str:
    return f"team-{secrets.token_hex(5)}/"


@pytest.fixture
def manager(aws: Callable[[str], Any]) -> Any:
    return aws("secretsmanager")


@pytest.fixture
def api(moto: S3Server, manager: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsApi]:
    with aws_api(moto.endpoint_url) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
        yield server


class TestListing:
    def test_all_that_begin_alike_come_with_their_values_page_by_page(
        self, api: AwsApi, manager: Any, prefix: str
    ) -> None:
        for number in range(105):
            manager.create_secret(Name=f"{prefix}{number:03}", SecretString=str(number), Description=f"no {number}")
        manager.create_secret(Name=f"other-{prefix}", SecretString="no")
        manager.create_secret(Name=prefix.upper(), SecretString="no")
        found = list(secrets_below(prefix))
        assert [(listed.name, value) for listed, value in found] == [(f"{prefix}{n:03}", str(n)) for n in range(105)]
        assert found[7][0].description == "no 7"
        assert found[7][0].changed_at is not None
        assert api.calls == ["ListSecrets", *["BatchGetSecretValue"] * 5, "ListSecrets", "BatchGetSecretValue"]

    def test_nothing_is_asked_for_that_nobody_wants(self, api: AwsApi, manager: Any, prefix: str) -> None:
        manager.create_secret(Name=f"{prefix}a", SecretString="a")
        found = secrets_below(prefix)
        assert api.calls == []
        next(found)
        assert api.calls == ["ListSecrets", "GetSecretValue"]

    def test_one_that_may_not_be_read_leaves_the_others_alone(self, api: AwsApi, manager: Any, prefix: str) -> None:
        for name in "ab":
            manager.create_secret(Name=prefix + name, SecretString=name)

        def answer(operation: str, parameters: dict[str, Any]) -> Any:
            denied = operation[0] == "B" or f"{prefix}a" in parameters.get("SecretId", "")
            return (400, {"__type": "AccessDeniedException", "message": "no"}) if denied else None

        api.answer = answer
        [(_, denied), (_, found)] = secrets_below(prefix)
        assert isinstance(denied, SecretDenied)
        assert found == "b"

    @pytest.mark.parametrize(
        ("code", "status", "kind"),
        [
            ("AccessDeniedException", 400, AccessDenied),
            ("InternalServiceError", 500, EndpointUnreachable),
            ("InvalidParameterException", 400, RequestRefused),
        ],
    )
    def test_a_list_that_cannot_be_had_is_an_error(
        self, api: AwsApi, code: str, status: int, kind: type[AwsError]
    ) -> None:
        api.refuse(code, "because", status)
        with pytest.raises(kind, match=f"the list of secrets of aws-sm.*{code}"):
            list(secrets_below("crm"))

    @pytest.mark.parametrize("content", [{}, {"SecretList": [{}]}, {"SecretList": 5}, b"[]"])
    def test_a_list_that_makes_no_sense_is_an_error(self, api: AwsApi, content: Any) -> None:
        api.answer = lambda _operation, _parameters: (200, content)
        with pytest.raises(AwsError):
            list(secrets_below("crm"))

    def test_a_list_that_goes_round_in_circles_ends(self, api: AwsApi) -> None:
        api.answer = lambda _operation, _parameters: (200, {"SecretList": [], "NextToken": "again"})
        assert list(secrets_below("crm")) == []
        assert api.calls == ["ListSecrets"] * 2


class TestImport:
    def test_objects_are_mappings_and_all_else_is_as_it_is(self, manager: Any, prefix: str, canary: Plant) -> None:
        token = canary("token")
        deep = '{"a":' * 100_000 + "1" + "}" * 100_000
        values: dict[str, Any] = {
            "json": json.dumps({"token": token, "port": 1}),
            "list": "[1, 2]",
            "text": "plain",
            "twice": '{"a": 1, "a": 2}',
            "deep": deep,
        }
        for name, value in values.items():
            manager.create_secret(Name=prefix + name, SecretString=value)
        manager.create_secret(Name=f"{prefix}binary", SecretBinary=b"\xff\x00")
        found = {it.source: it for it in found_in([prefix, f"{prefix}te"]) if isinstance(it, FoundDocument)}
        assert {source.removeprefix(prefix): it.fields["value"] for source, it in found.items()} == {
            "json": {"token": token, "port": 1}, "list": "[1, 2]", "text": "plain", "twice": '{"a": 1, "a": 2}',
            "deep": deep, "binary": b"\xff\x00",
        }  # fmt: skip
        assert {it.type for it in found.values()} == {"secret"}
        assert token not in repr(found)

    def test_what_cannot_be_read_is_skipped_with_the_reason(self, api: AwsApi, manager: Any, prefix: str) -> None:
        manager.create_secret(Name=f"{prefix}a", SecretString="a")
        refused = (400, {"__type": "AccessDeniedException", "message": "not authorized"})
        api.answer = lambda operation, _parameters: refused if operation != "ListSecrets" else None
        [skipped] = found_in([prefix])
        assert isinstance(skipped, Skipped)
        assert "not authorized" in skipped.reason

    def test_without_a_place_everything_comes(self, manager: Any, prefix: str) -> None:
        manager.create_secret(Name=f"{prefix}a", SecretString="a")
        assert f"{prefix}a" in {it.source for it in found_in([])}

    def test_the_command_saves_them_once(self, manager: Any, prefix: str, strongroom_home: Path, canary: Plant) -> None:
        token = canary("token")
        manager.create_secret(Name=f"{prefix}Crm", SecretString=json.dumps({"token": token}))
        manager.create_secret(Name=f"{prefix}key", SecretBinary=b"\xff\x00")
        runs = [CliRunner().invoke(main, ["import", "aws-sm", prefix, "--json"]) for _ in range(2)]
        assert [run.exit_code for run in runs] == [0, 0], [run.output for run in runs]
        assert token not in runs[0].output
        name = prefix.replace("/", "-")
        assert Secret.load(f"{name}crm").get() == {"token": token}
        assert Secret.load(f"{name}key").get() == b"\xff\x00"
