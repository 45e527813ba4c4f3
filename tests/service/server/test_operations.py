"""Readiness, metrics and the access log: what they tell, to whom, and that no secret is in them."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_registry.errors import StoreUnavailable
from strongroom_service.http.application import Application
from strongroom_service.http.exchange import Exchange
from strongroom_service.http.tables import all_routes
from strongroom_service.policies.policy import Policy
from strongroom_service.server.access_log import AccessLog, line
from strongroom_service.server.front import with_liveness
from strongroom_service.server.metrics import BOUNDS, Metrics, text
from strongroom_service.server.operations import Operations
from strongroom_service.server.readiness import Readiness
from strongroom_service.server.siblings import Siblings
from strongroom_service.service import Service

LINE = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+')


@dataclass
class Watched:
    """A service whose operators look on."""

    client: TestClient
    log: AccessLog
    place: Path
    readiness: Readiness

    def lines(self) -> list[dict[str, object]]:
        self.log.close()
        return [json.loads(one) for one in self.place.read_text().splitlines()]

    def metrics(self, **headers: str) -> str:
        return self.client.get("/metrics", headers=headers).text


@pytest.fixture
def watched(service: Service, tmp_path: Path) -> Iterator[Watched]:
    metrics, readiness = Metrics(), Readiness(service)
    place = tmp_path / "access.log"
    log = AccessLog(place)
    operations = Operations(readiness, Siblings(None, 0, 1, metrics.snapshot), is_open=False)
    app = Application(service, routes=[*all_routes(), *operations.routes()], observers=[metrics.observe, log.observe])
    with TestClient(with_liveness(app), client=("127.0.0.1", 50000)) as client:
        yield Watched(client, log, place, readiness)


def sample(metrics: str, name: str, **labels: str) -> float:
    """One value of the text."""
    wanted = {f'{label}="{value}"' for label, value in labels.items()}
    for found in re.finditer(rf"^{name}(?:{{(.*)}})? (\S+)$", metrics, re.MULTILINE):
        if wanted <= set((found[1] or "").split(",")):
            return float(found[2])
    raise AssertionError(f"There is no {name} with {labels}.")


# -- readiness


def test_a_process_that_can_serve_is_ready(watched: Watched) -> None:
    assert watched.client.get("/livez").json() == {"alive": True}
    answer = watched.client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)


def test_what_cannot_be_used_is_named_and_the_process_lives_on(
    watched: Watched, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise StoreUnavailable("The disk is full.", "Make room.")

    monkeypatch.setattr(service.workspaces, "check_writable", refuse)
    answer = watched.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {"registry": "ok", "audit": "The disk is full.", "records": "ok"},
    }
    assert watched.client.get("/livez").status_code == 200


def test_a_process_that_stops_is_not_ready(watched: Watched) -> None:
    watched.readiness.is_stopping = True
    assert watched.client.get("/readyz").json()["checks"]["server"] == "It is stopping."


def test_a_readiness_check_leaves_nothing_in_the_audit(watched: Watched, service: Service) -> None:
    before = len(list(service.workspaces.own.audit()))
    watched.client.get("/readyz")
    watched.client.get("/metrics")
    assert len(list(service.workspaces.own.audit())) == before


# -- metrics


def test_every_line_of_the_metrics_is_one_that_prometheus_reads(watched: Watched) -> None:
    watched.client.get("/readyz")
    metrics = watched.metrics()
    for one in metrics.splitlines():
        assert one.startswith(("# HELP ", "# TYPE ")) or LINE.fullmatch(one), one
    kinds = re.findall(r"^# TYPE (\S+)", metrics, re.MULTILINE)
    assert len(kinds) == len(set(kinds))


def test_requests_are_counted_by_route_and_status_and_refusals_by_code(watched: Watched) -> None:
    for name in ("one", "two"):
        watched.client.get(f"/api/v1/workspaces/default/documents/{name}")
    watched.client.get("/nothing/here")
    metrics = watched.metrics()
    route = "/api/v1/workspaces/{workspace}/documents/{name}"
    assert sample(metrics, "strongroom_http_requests_total", route=route, status="401") == 2
    assert sample(metrics, "strongroom_http_requests_total", route="unmatched", status="404") == 1
    assert sample(metrics, "strongroom_errors_total", code="unauthenticated") == 2
    assert sample(metrics, "strongroom_http_request_duration_seconds_count", route=route) == 2
    assert sample(metrics, "strongroom_http_request_duration_seconds_bucket", route=route, le="+Inf") == 2
    assert sample(metrics, "process_resident_memory_bytes") > 10_000_000


def test_what_is_kept_is_counted(watched: Watched, token_for: TokenFor) -> None:
    token_for("default")
    token_for("default")
    assert sample(watched.metrics(), "strongroom_tokens") == 2
    assert sample(watched.metrics(), "strongroom_leases") == 0


def test_others_read_the_metrics_with_a_right_to(watched: Watched, service: Service, token_for: TokenFor) -> None:
    """A proxy on this machine asks for others, and says so."""
    assert watched.client.get("/metrics").status_code == 200
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    assert watched.client.get("/metrics", headers=proxied).status_code == 401
    rule = {"effect": "allow", "paths": [":service/metrics"], "verbs": ["view"]}
    service.policies.write("monitoring", Policy.model_validate({"rules": [rule]}))
    assert watched.client.get("/metrics", headers=proxied | bearer(token_for("default"))).status_code == 403
    assert watched.client.get("/metrics", headers=proxied | bearer(token_for("monitoring"))).status_code == 200


def test_a_histogram_counts_up_to_each_bound() -> None:
    metrics = Metrics()
    for seconds in (0.0004, 0.003, 0.003, 60.0):
        metrics.observe(_exchange(seconds=seconds))
    told = text({3: metrics.snapshot()}, {})
    counts = [
        sample(told, "strongroom_http_request_duration_seconds_bucket", worker="3", route="/a", le=str(bound))
        for bound in (*BOUNDS[:4], "+Inf")
    ]
    assert counts == [1, 1, 3, 3, 4]
    assert sample(told, "strongroom_http_request_duration_seconds_sum", route="/a") == pytest.approx(60.0064)


def test_labels_are_escaped() -> None:
    metrics = Metrics()
    metrics.observe(_exchange(error='a"b\\c\nd'))
    assert 'code="a\\"b\\\\c\\nd"' in text({0: metrics.snapshot()}, {})


def test_processes_of_a_server_answer_for_each_other(tmp_path: Path) -> None:
    counted = [Metrics() for _ in range(3)]
    siblings = [Siblings(tmp_path, number, 3, metrics.snapshot) for number, metrics in enumerate(counted[:2])]
    counted[1].observe(_exchange())
    found = siblings[0].gather()
    assert sorted(found) == [0, 1], "the third is not there"
    assert found[1]["requests"] == [["GET", "/a", 200, 1]]


# -- the access log


def test_a_line_says_who_asked_which_route_and_what_came_of_it(watched: Watched, token_for: TokenFor) -> None:
    token = token_for("default", identity="user:alice")
    answer = watched.client.get("/api/v1/workspaces/default/documents/prod-db?limit=1", headers=bearer(token))
    (line_,) = watched.lines()
    assert line_ | {"milliseconds": 0, "time": ""} == {
        "time": "",
        "request_id": answer.headers["strongroom-request-id"],
        "method": "GET",
        "route": "/api/v1/workspaces/{workspace}/documents/{name}",
        "status": answer.status_code,
        "milliseconds": 0,
        "received": 0,
        "sent": len(answer.content),
        "identity": "user:alice",
        "accessor": token[4:16],
        "address": "127.0.0.1",
        "error": answer.json()["error"]["code"],
    }


def test_a_log_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    place = tmp_path / "access.log"
    for turn in range(2):
        log = AccessLog(place)
        log.observe(_exchange(id=f"{turn}"))
        log.close()
        place.rename(tmp_path / f"{turn}.log")
    assert [json.loads((tmp_path / f"{turn}.log").read_text())["request_id"] for turn in range(2)] == ["0", "1"]


def test_a_log_that_cannot_be_written_holds_nobody_up(tmp_path: Path) -> None:
    log = AccessLog(Path("/dev/full"))
    log.observe(_exchange())
    log.close()
    assert log.dropped == 1


def test_a_name_cannot_forge_a_line() -> None:
    forged = _exchange(identity='user:x"}\n{"status": 200')
    assert line(0.0, forged).count("\n") == 1
    assert json.loads(line(0.0, forged))["identity"] == forged.identity


# -- what is in none of them


def test_no_secret_is_in_a_log_a_metric_or_a_header(watched: Watched, service: Service, token_for: TokenFor) -> None:
    canary = f"canary-{secrets.token_hex(16)}"
    root = service.tokens.make_root().token.text
    asked = watched.client
    headers = bearer(root)
    base = "/api/v1/workspaces/default/documents"
    said = [
        asked.put(f"{base}/x", headers=headers, json={"type": "secret", "schema": "s" * 64, "payload": canary}),
        asked.put(f"{base}/{canary}", headers=headers, json={canary: canary}),
        asked.get(f"/{canary}", headers=headers, params={canary: canary}),
        asked.get(f"{base}?glob={canary}&{canary}={canary}", headers=headers),
        asked.post("/api/v1/auth/users/login", json={"name": "a", "password": canary}),
        asked.get("/v1/auth/token/lookup-self", headers={"X-Vault-Token": canary, "User-Agent": canary}),
        asked.get("/api/v1/tokens/self", headers=bearer(canary)),
        asked.request(canary[:12].upper(), "/api/v1/openapi.json"),
        asked.post("/v1/sys/wrapping/unwrap", json={"token": canary}),
        asked.get(f"/v1/cubbyhole/{canary}", headers=headers),
    ]
    metrics = watched.metrics()
    lines = watched.lines()
    for one in (metrics, watched.place.read_text(), *(str(answer.headers) for answer in said)):
        for secret in (canary, root):
            assert secret not in one
    assert len(lines) == len(said) + 1


def _exchange(**given: object) -> Exchange:
    facts: dict[str, object] = {
        "id": "1", "method": "GET", "template": "/a", "status": 200, "seconds": 0.001, "received": 0, "sent": 2,
        "identity": "user:a", "accessor": "b", "address": "127.0.0.1",
    }  # fmt: skip
    return Exchange(**facts | given)  # type: ignore[arg-type]
