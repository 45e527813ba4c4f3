"""The seal over ``sys``: its state, closing it, and new shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom_service.http.call import Answer
from strongroom_service.identity.token import LENGTH
from strongroom_service.seal.root_generation import RootGenerationStatus
from strongroom_service.seal.seal import RekeyStatus, SealStatus
from strongroom_service.seal.share import read_share, shown_shares
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.envelope import done, invalid
from strongroom_service.vault_api.sys.health import cluster_id, version
from strongroom_service.vault_api.sys.route import SysRoute, sudo


def seal_status_of(status: SealStatus, cluster: str = "") -> dict[str, Any]:
    """The body of an answer about the seal."""
    told: dict[str, Any] = {
        "type": status.type,
        "initialized": status.initialized,
        "sealed": status.sealed,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "nonce": status.nonce,
        "version": version(),
        "migration": False,
        "recovery_seal": False,
    }
    return {**told, "cluster_name": "strongroom", "cluster_id": cluster} if cluster else told


def _seal_status(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return Answer(seal_status_of(call.service.seal.status(), cluster_id(call.service)))


def _init_status(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return Answer({"initialized": call.service.seal.status().initialized})


def _init(call: VaultCall, values: Mapping[str, str]) -> Answer:
    raise invalid("Vault is already initialized")


def _seal(call: VaultCall, values: Mapping[str, str]) -> Answer:
    call.service.record(call.caller, "seal")
    call.service.seal.seal()
    return done()


def _rekey_status(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return Answer(_told(call.service.seal.rekey_status()))


def _start_rekey(call: VaultCall, values: Mapping[str, str]) -> Answer:
    if call.body.get("pgp_keys") or call.body.get("backup"):
        raise invalid("shares are not encrypted with PGP here: leave pgp_keys and backup out")
    status = call.service.seal.start_rekey(
        fields.integer(call.body, "secret_shares", 5, least=1, most=255) or 5,
        fields.integer(call.body, "secret_threshold", 3, least=1, most=255) or 3,
        verify=bool(fields.boolean(call.body, "require_verification", False)),
    )
    return Answer(_told(status))


def _cancel_rekey(call: VaultCall, values: Mapping[str, str]) -> Answer:
    call.service.seal.cancel_rekey()
    return done()


def _rekey(call: VaultCall, values: Mapping[str, str]) -> Answer:
    share, nonce = read_share(fields.text(call.body, "key")), fields.text(call.body, "nonce")
    rekeyed = call.service.seal.rekey(share, nonce)
    if rekeyed.shares is None:
        return Answer(_told(rekeyed.status))
    told = {
        "nonce": nonce,
        "complete": True,
        **shown_shares(rekeyed.shares),
        "pgp_fingerprints": None,
        "backup": False,
        "verification_required": rekeyed.status.verifying,
    }
    if rekeyed.status.verifying:
        told["verification_nonce"] = rekeyed.status.nonce
    return Answer(told)


def _verification_status(call: VaultCall, values: Mapping[str, str]) -> Answer:
    status = call.service.seal.rekey_status()
    return Answer(_verification(status) if status.verifying else {"started": False, "nonce": "", "progress": 0})


def _verify(call: VaultCall, values: Mapping[str, str]) -> Answer:
    share, nonce = read_share(fields.text(call.body, "key")), fields.text(call.body, "nonce")
    rekeyed = call.service.seal.verify_rekey(share, nonce)
    if rekeyed.shares is not None:
        return Answer({"nonce": nonce, "complete": True})
    return Answer(_verification(rekeyed.status))


def _restart_verification(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return Answer(_verification(call.service.seal.restart_verification()))


def _backup(call: VaultCall, values: Mapping[str, str]) -> Answer:
    raise invalid("no backed-up keys found")


def _root_status(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return Answer(_told_of_root(call.service.seal.root.status()))


def _start_root(call: VaultCall, values: Mapping[str, str]) -> Answer:
    if call.body.get("pgp_key"):
        raise invalid("the token is not encrypted with PGP here: leave pgp_key out")
    return Answer(_told_of_root(call.service.seal.root.start(fields.text(call.body, "otp", "", longest=256))))


def _cancel_root(call: VaultCall, values: Mapping[str, str]) -> Answer:
    call.service.seal.root.cancel()
    return done()


def _update_root(call: VaultCall, values: Mapping[str, str]) -> Answer:
    share, nonce = read_share(fields.text(call.body, "key", longest=256)), fields.text(call.body, "nonce", longest=64)
    return Answer(_told_of_root(call.service.seal.root.update(share, nonce)))


def _told_of_root(status: RootGenerationStatus) -> dict[str, Any]:
    return {
        "started": status.started,
        "nonce": status.nonce,
        "progress": status.progress,
        "required": status.required,
        "complete": bool(status.encoded),
        "encoded_token": status.encoded,
        "encoded_root_token": status.encoded,
        "pgp_fingerprint": "",
        "otp_length": LENGTH,
        "otp": status.otp,
    }


def _told(status: RekeyStatus) -> dict[str, Any]:
    return {
        "started": status.started,
        "nonce": status.nonce,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "required": status.required,
        "pgp_fingerprints": None,
        "backup": False,
        "verification_required": status.wants_verification,
    }


def _verification(status: RekeyStatus) -> dict[str, Any]:
    return {
        "nonce": status.nonce,
        "started": True,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
    }


ROUTES = (
    SysRoute("init", {Operation.READ: _init_status, Operation.UPDATE: _init}, is_open=True),
    SysRoute("seal-status", {Operation.READ: _seal_status}, is_open=True),
    SysRoute("unseal", {Operation.UPDATE: _seal_status}, is_open=True),
    SysRoute("seal", {Operation.UPDATE: _seal}, sudo=sudo(Operation.UPDATE)),
    SysRoute(
        "rekey/init",
        {Operation.READ: _rekey_status, Operation.UPDATE: _start_rekey, Operation.DELETE: _cancel_rekey},
        sudo=sudo(Operation.UPDATE, Operation.DELETE),
    ),
    SysRoute("rekey/update", {Operation.UPDATE: _rekey}, sudo=sudo(Operation.UPDATE)),
    SysRoute(
        "rekey/verify",
        {
            Operation.READ: _verification_status,
            Operation.UPDATE: _verify,
            Operation.DELETE: _restart_verification,
        },
        sudo=sudo(Operation.UPDATE, Operation.DELETE),
    ),
    SysRoute(
        "generate-root/attempt",
        {Operation.READ: _root_status, Operation.UPDATE: _start_root, Operation.DELETE: _cancel_root},
        is_open=True,
    ),
    SysRoute("generate-root/update", {Operation.UPDATE: _update_root}, is_open=True),
    SysRoute("rekey/backup", {Operation.READ: _backup}, sudo=sudo(Operation.READ)),
)
