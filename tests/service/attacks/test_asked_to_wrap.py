"""An answer that a policy wants wrapped leaves in no other way."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from strongroom_service.identity.grant import Grant
from strongroom_service.service import Service


@pytest.mark.parametrize("wanted", ['max_wrapping_ttl = "1h"', 'min_wrapping_ttl = "1s"', 'min_wrapping_ttl = "0s"'])
@pytest.mark.parametrize("asked", [None, "", "0", "0s", "00", "0.0s", "-1", "2h"])
def test_what_is_to_be_wrapped_is_not_answered_plainly(
    client: TestClient, service: Service, wanted: str, asked: str | None
) -> None:
    client.put("/v1/sys/mounts/secret", json={"type": "kv", "options": {"version": "1"}})
    client.put("/v1/secret/db", json={"field": "what is in it"})
    text = f'path "secret/*" {{ capabilities = ["read"]\n {wanted} }}'
    assert client.put("/v1/sys/policies/acl/wrapped", json={"policy": text}).is_success
    token = service.tokens.issue(Grant(identity="user:al", policies=("wrapped",))).token.text
    headers = {"Authorization": "", "X-Vault-Token": token} | ({} if asked is None else {"X-Vault-Wrap-TTL": asked})
    answer = client.get("/v1/secret/db", headers=headers)
    assert "what is in it" not in answer.text
    if asked == "2h" and not wanted.startswith("max"):
        assert answer.json()["wrap_info"]["token"]
    else:
        assert answer.status_code in (400, 403), answer.text
    wrapped = client.get("/v1/secret/db", headers={**headers, "X-Vault-Wrap-TTL": "60"})
    assert wrapped.json()["wrap_info"]["token"]
