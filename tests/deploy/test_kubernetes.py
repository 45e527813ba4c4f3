"""The Kubernetes manifests: valid by the schemas of several versions, fitting together, closed where they can be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from absent import absent
from strongroom_service.settings import ServerSettings

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
VERSIONS = ["1.29", "1.33"]


def manifests() -> dict[str, dict[str, Any]]:
    """What the kustomization names, by kind."""
    names = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    found = [document for name in names for document in yaml.safe_load_all((FOLDER / name).read_text())]
    return {document["kind"]: document for document in found}


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    found: dict[str, Any] = manifests()["Deployment"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_each_is_valid(version: str) -> None:
    import kubernetes_validate

    for manifest in manifests().values():
        kubernetes_validate.validate(manifest, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifests()["Deployment"] | {"spec": {"replicas": "two"}}, version, strict=True)


def test_all_files_are_named_by_the_kustomization() -> None:
    named = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert sorted(named) == sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


def test_kubectl_renders_them() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        absent("There is no kubectl: install the package `kubernetes-client`.")
    text = subprocess.run([kubectl, "kustomize", str(FOLDER)], capture_output=True, text=True, check=True).stdout
    rendered = list(yaml.safe_load_all(text))
    assert {document["kind"] for document in rendered} == set(manifests())
    assert {document["metadata"].get("namespace") for document in rendered if document["kind"] != "Namespace"} == {
        "strongroom"
    }


def test_everything_selects_the_pods() -> None:
    found = manifests()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()


def test_the_pod_may_do_nothing_that_it_need_not(pod: dict[str, Any]) -> None:
    """What the restricted profile of pod security asks for, and a root file system that nobody writes."""
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False


def test_no_secret_stands_in_a_manifest(pod: dict[str, Any]) -> None:
    assert "Secret" not in manifests()
    assert all("valueFrom" in one for one in pod["containers"][0]["env"])


def test_the_settings_are_some_that_the_server_has() -> None:
    """And the database's password is in none of them."""
    data = manifests()["ConfigMap"]["data"]
    own = {name.removeprefix("STRONGROOM_SERVER_").lower() for name in data if name.startswith("STRONGROOM_SERVER_")}
    assert own <= set(ServerSettings.model_fields)
    assert "@postgresql" in data["STRONGROOM_REGISTRY"]
    assert ":" not in data["STRONGROOM_REGISTRY"].partition("://")[2].partition("@")[0]


def test_a_pod_has_the_time_to_stop_that_the_server_takes(pod: dict[str, Any]) -> None:
    pause = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = int(manifests()["ConfigMap"]["data"]["STRONGROOM_SERVER_GRACE"])
    assert pause + grace < pod["terminationGracePeriodSeconds"]
