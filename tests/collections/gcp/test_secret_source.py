"""Secrets that stay in Secret Manager, asked through Google's client over gRPC."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from canaries import Plant, find
from google.cloud import secretmanager_v1
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from servers.gcp import FakeSecretManager, crc
from strongroom import Block, secret_from
from strongroom.sources import (
    InvalidSecretReference,
    SecretAbsent,
    SecretDenied,
    SecretSource,
    SourceMisconfigured,
    SourceProblem,
    SourceUnreachable,
)
from strongroom.testing import SecretSourceContract
from strongroom_blocks.sources import registered
from strongroom_gcp import GcpCredentials, SecretManagerSource, SecretVersion
from strongroom_vault import TokenAuth, VaultCredentials


class GoogleCrm(Block):
    """Two fields of one secret."""

    user: SecretStr
    token: SecretStr


class TestContract(SecretSourceContract):
    absent = "acme/none#token"
    malformed = ("", "crm", "acme/", "acme/crm@0")

    @pytest.fixture
    def source(self, at_secret_manager: FakeSecretManager) -> SecretSource:
        at_secret_manager.put("acme/crm", '{"user": "reader-of-crm", "token": "of-the-reader"}')
        at_secret_manager.put("acme/blob", b"\xff bytes")
        return SecretManagerSource()

    @pytest.fixture
    def secrets(self) -> Mapping[str, str | bytes]:
        return {
            "acme/crm#user": "reader-of-crm",
            "acme/crm@1#token": "of-the-reader",
            "acme/blob": b"\xff bytes",
        }


@pytest.fixture
def source(at_secret_manager: FakeSecretManager) -> SecretManagerSource:
    return SecretManagerSource()


def problem(source: SecretManagerSource, reference: str, *, timeout: float = 5) -> SourceProblem:
    answer = source.fetch([reference], timeout=timeout)[reference]
    assert isinstance(answer, SourceProblem), "it was found"
    return answer


def test_it_is_found_by_its_scheme(at_secret_manager: FakeSecretManager) -> None:
    at_secret_manager.put("acme/crm", "value")
    found = registered.source_for("gcp-sm")
    assert isinstance(found, SecretManagerSource)
    assert isinstance(found, SecretSource)
    assert found.fetch(["acme/crm"], timeout=5) == {"acme/crm": "value"}


def test_fields_of_one_version_are_one_call(at_secret_manager: FakeSecretManager, source: SecretManagerSource) -> None:
    at_secret_manager.put("acme/crm", '{"user": "me", "token": "old"}')
    at_secret_manager.put("acme/crm", '{"user": "you", "token": "new", "port": 5432, "a#b": "odd", "deep": [0, "x"]}')
    at_secret_manager.put("acme/blob", b"\xff\x00")
    at_secret_manager.aliases["acme/crm", "stable"] = 1
    wanted = {
        "acme/crm#user": "you",
        "acme/crm#token": "new",
        "acme/crm#port": "5432",
        "acme/crm#a#b": "odd",
        "acme/crm#/deep/1": "x",
        "acme/crm@1#token": "old",
        "acme/crm@stable#user": "me",
        "acme/crm@latest#user": "you",
        "acme/blob": b"\xff\x00",
        "acme/crm@1": '{"user": "me", "token": "old"}',
    }
    assert source.fetch(list(wanted), timeout=5) == wanted
    calls = sorted(call.rpartition("/")[2] for call in at_secret_manager.behaviour.seen if "/crm/" in call)
    assert calls == ["1", "latest", "stable"]


def test_a_block_that_points_at_google_reveals_what_stands_there_and_stores_none_of_it(
    at_secret_manager: FakeSecretManager, canary: Plant
) -> None:
    token = canary("token")
    at_secret_manager.put("acme/crm", f'{{"user": "me", "token": "{token}"}}')
    GoogleCrm(user=secret_from("gcp-sm:acme/crm#user"), token=secret_from("gcp-sm:acme/crm#token")).save("crm")
    assert at_secret_manager.behaviour.seen == []
    loaded = GoogleCrm.load("crm")
    assert (loaded.token.get_secret_value(), loaded.user.get_secret_value()) == (token, "me")
    assert len(at_secret_manager.behaviour.seen) == 1


def test_a_named_block_logs_in(secret_manager: FakeSecretManager, monkeypatch: pytest.MonkeyPatch) -> None:
    secret_manager.put("acme/crm", "value")
    GcpCredentials(secret_manager_endpoint=secret_manager.address).save("google")
    monkeypatch.setenv("STRONGROOM_SOURCE_GCP_SM", "google")
    assert registered.source_for("gcp-sm").fetch(["acme/crm"], timeout=5) == {"acme/crm": "value"}
    with pytest.raises(SourceMisconfigured, match=r"GcpCredentials, not VaultCredentials.*STRONGROOM_SOURCE_GCP_SM"):
        SecretManagerSource(VaultCredentials(url="https://vault", auth=TokenAuth(token="some-token")))


def test_absent_denied_and_unreachable_are_three_answers(
    at_secret_manager: FakeSecretManager, source: SecretManagerSource
) -> None:
    at_secret_manager.put("acme/crm", "no json")
    at_secret_manager.put("acme/list", "[1]")
    at_secret_manager.put("acme/fields", '{"user": "me"}')
    at_secret_manager.put("acme/gone", "x")
    at_secret_manager.secrets["acme/gone"][0] = None
    at_secret_manager.denied.add("acme/closed")
    for reference, said in {
        "acme/none": 'The secret "gcp-sm:acme/none" is absent: There is no secret projects/acme/secrets/none',
        "acme/crm@7": "There is no secret",
        "acme/fields#token": "There is no field 'token' in the secret \"gcp-sm:acme/fields#token\"",
        "acme/gone": "The state of the secret .* is DESTROYED",
    }.items():
        with pytest.raises(SecretAbsent, match=said):
            raise problem(source, reference)
    for reference in ("acme/crm#token", "acme/list#token"):
        assert "which is no JSON object" in str(problem(source, reference))
    denied = problem(source, "acme/closed")
    assert isinstance(denied, SecretDenied)
    assert "secretmanager.versions.access" in str(denied)
    for status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED):
        at_secret_manager.behaviour.failure = status
        assert isinstance(problem(source, "acme/crm", timeout=0.3), SourceUnreachable)
    at_secret_manager.behaviour.failure = grpc.StatusCode.UNAUTHENTICATED
    assert isinstance(problem(source, "acme/crm"), SecretDenied)


def test_one_problem_does_not_keep_others_from_arriving(
    at_secret_manager: FakeSecretManager, source: SecretManagerSource
) -> None:
    at_secret_manager.put("acme/crm", "value")
    answers = source.fetch(["acme/none", "acme/crm"], timeout=5)
    assert answers["acme/crm"] == "value"
    assert isinstance(answers["acme/none"], SecretAbsent)


def test_a_server_that_hangs_is_given_up_within_the_time_for_all(
    at_secret_manager: FakeSecretManager, source: SecretManagerSource
) -> None:
    at_secret_manager.behaviour.hangs = True
    answers = source.fetch([f"acme/crm-{number}" for number in range(40)], timeout=0.3)
    assert {type(answer) for answer in answers.values()} == {SourceUnreachable}


def test_damage_and_wrong_answers_are_noticed(
    at_secret_manager: FakeSecretManager, source: SecretManagerSource, canary: Plant
) -> None:
    value = canary("value")
    at_secret_manager.put("acme/crm", value)

    def answer(name: str, data: bytes, checksum: int | None) -> Any:
        payload = secretmanager_v1.SecretPayload(data=data, data_crc32c=checksum)
        return lambda _: secretmanager_v1.AccessSecretVersionResponse(name=name, payload=payload)

    good, data = "projects/1/secrets/crm/versions/1", value.encode()
    for change, said in (
        (answer(good, data + b"x", crc(data)), "does not fit"),
        (answer(good, data, None), "is missing"),
        (answer("projects/1/secrets/other/versions/1", data, crc(data)), "about another secret"),
        (answer("projects/1/secrets/crm/versions/2", data, crc(data)), "about another secret"),
        (answer("", data, crc(data)), "about another secret"),
        (answer(good, bytes(5 << 20), crc(bytes(5 << 20))), "larger than any secret"),
    ):
        at_secret_manager.behaviour.change = change
        found = problem(source, "acme/crm@1")
        with pytest.raises(SourceUnreachable, match=said):
            raise found
        assert value not in str(found)


def test_without_a_login_every_reference_is_denied_with_the_remedy() -> None:
    answers = SecretManagerSource().fetch(["acme/a", "acme/b"], timeout=5)
    assert {type(answer) for answer in answers.values()} == {SecretDenied}
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(answers["acme/a"])


@given(
    st.from_regex(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True),
    st.sampled_from(["latest", "1", "999999999", "stable", "my-alias_2"]),
    st.none() | st.text("ab#@/ é%", min_size=1, max_size=10),
)
def test_a_reference_means_the_same_when_it_is_read_again(
    project: str, name: str, version: str, field: str | None
) -> None:
    reference = SecretVersion(project, name, version, field)
    assert SecretVersion.parse(str(reference)) == reference


@given(st.text(max_size=40) | st.text("ab/@#1.-_", max_size=12))
def test_any_text_is_a_reference_or_refused_without_being_repeated(text: str) -> None:
    try:
        reference = SecretVersion.parse(text)
    except InvalidSecretReference as exc:
        problem = exc.problem
    else:
        assert SecretVersion.parse(str(reference)) == reference
        return
    assert problem == "A reference that starts with 'gcp-sm:' is malformed."


@pytest.mark.parametrize(
    "text",
    [
        "", "crm", "acme/", "/crm", "acme/crm@", "acme/crm@0", "acme/crm@-1", "acme/crm#", "acme/crm@1@2", "Acme/crm",
        "acme/../crm", "acme/crm/versions/1", "projects/acme/secrets/crm", "acme/crm\n", "acme/crm#a\n", "acme/cr m",
    ],
)  # fmt: skip
def test_malformed_references_are_refused_with_the_grammar(text: str) -> None:
    for ask in (SecretManagerSource().check, lambda it: SecretManagerSource().fetch([it], timeout=5)):
        with pytest.raises(InvalidSecretReference, match="Write gcp-sm:PROJECT/NAME"):
            ask(text)


def test_the_clients_own_logging_of_requests_and_answers_is_kept_off(
    at_secret_manager: FakeSecretManager, source: SecretManagerSource, canary: Plant
) -> None:
    value = canary("value")
    at_secret_manager.put("acme/crm", value)
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    google = logging.getLogger("google")
    before = google.level
    google.addHandler(handler)
    google.setLevel(logging.DEBUG)
    try:
        assert source.fetch(["acme/crm"], timeout=5) == {"acme/crm": value}
        logging.getLogger("google.cloud").debug("others are heard")
    finally:
        google.setLevel(before)
        google.removeHandler(handler)
    assert [record.msg for record in records if find(value, str(vars(record)).encode())] == []
    assert "others are heard" in [record.msg for record in records]
