"""The operations of a transit mount, over a real registry."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from canaries import Plant
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.service import Clock
from strongroom_registry import VersionState
from strongroom_service.errors import InvalidRequest, RefusedByKey, UnknownThing
from strongroom_service.service import Service
from strongroom_service.vault_api.call import Operation
from strongroom_service.vault_api.transit.keys import record_name

CREATE, READ = Operation.CREATE, Operation.READ


def b64(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def test_a_key_is_made_read_listed_and_removed(transit: Any) -> None:
    made = transit("keys/orders", type="aes256-gcm96")
    assert made == transit.read("keys/orders")
    assert (made["name"], made["type"], made["latest_version"]) == ("orders", "aes256-gcm96", 1)
    assert transit.list("keys") == ["orders"]
    with pytest.raises(InvalidRequest, match="deletion is not allowed"):
        transit.delete("keys/orders")
    transit("keys/orders/config", deletion_allowed=True)
    transit.delete("keys/orders")
    for gone in (lambda: transit.list("keys"), lambda: transit.read("keys/orders")):
        with pytest.raises(UnknownThing):
            gone()


def test_a_name_that_is_used_again_has_another_key(transit: Any) -> None:
    transit("keys/k")
    text = transit("encrypt/k", plaintext=b64("x"))["ciphertext"]
    transit("keys/k/config", deletion_allowed=True)
    transit.delete("keys/k")
    transit("keys/k")
    with pytest.raises(InvalidRequest, match="cannot be decrypted"):
        transit("decrypt/k", ciphertext=text)


@pytest.mark.parametrize("name", ["a", "A", "_", "My_Key.v1-x_", "a.b", "k" * 256, "K" * 256])
def test_any_name_that_vault_allows_names_a_key(transit: Any, name: str) -> None:
    transit(f"keys/{name}")
    transit("keys/other")
    assert transit.list("keys") == sorted([name, "other"])
    assert transit.read(f"keys/{name}")["name"] == name


@given(st.lists(st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,60}[A-Za-z0-9_])?", fullmatch=True), max_size=6))
def test_no_two_names_share_a_record(names: list[str]) -> None:
    assert len({record_name(name) for name in names}) == len(set(names))


@pytest.mark.parametrize("name", ["-a", "a-", ".a", "a b", "ä", "a" * 257])
def test_what_is_no_name_is_refused(transit: Any, name: str) -> None:
    with pytest.raises(InvalidRequest, match="the name of a key"):
        transit(f"keys/{name}")


def test_making_a_key_again_leaves_it_as_it_is_and_says_so(transit: Any) -> None:
    transit("keys/k", type="ed25519")
    again = transit.answer("keys/k", type="rsa-2048").value
    assert again["data"]["type"] == "ed25519"
    assert "existed already" in again["warnings"][0]


def test_a_field_that_does_not_count_is_named_in_a_warning(transit: Any) -> None:
    transit("keys/k")
    answer = transit.answer("encrypt/k", plaintext=b64("x"), assosiated_data=b64("y")).value
    assert answer["warnings"] == ["1 unknown fields were ignored: assosiated_data"]


def test_a_context_that_does_not_count_is_named_in_a_warning(transit: Any) -> None:
    transit("keys/k")
    transit("keys/derived", derived=True)
    told = ["the key is not derived: context does not count"]
    for body in (
        {"plaintext": b64("x"), "context": b64("c")},
        {"batch_input": [{"plaintext": "", "context": b64("c")}]},
    ):
        assert transit.answer("encrypt/k", **body).value["warnings"] == told
        assert transit.answer("encrypt/derived", **body).value["warnings"] is None


def test_encryption_makes_the_key_for_who_may_create_it(transit: Any) -> None:
    engine, service, mount = transit.engine, transit.service, transit.mount
    assert engine.exists(service, mount, "encrypt/new") is False
    with pytest.raises(InvalidRequest, match="encryption key not found"):
        transit("encrypt/new", plaintext=b64("x"))
    text = transit("encrypt/new", CREATE, plaintext=b64("x"), context=b64("c"), convergent_encryption=True)
    assert engine.exists(service, mount, "encrypt/new") is True
    assert transit.read("keys/new")["derived"] is True
    assert transit("encrypt/new", plaintext=b64("x"), context=b64("c"))["ciphertext"] == text["ciphertext"]
    with pytest.raises(InvalidRequest, match="a key that encrypting makes"):
        transit("encrypt/rsa", CREATE, plaintext=b64("x"), type="rsa-2048")


def test_rewrapping_moves_a_ciphertext_to_the_latest_version(transit: Any) -> None:
    transit("keys/k")
    old = transit("encrypt/k", plaintext=b64("x"), associated_data=b64("row 7"))["ciphertext"]
    transit("keys/k/rotate")
    new = transit("rewrap/k", ciphertext=old, associated_data=b64("row 7"))
    assert new["ciphertext"].startswith("vault:v2:")
    assert set(new) == {"ciphertext", "key_version"}
    assert transit("decrypt/k", ciphertext=new["ciphertext"], associated_data=b64("row 7"))["plaintext"] == b64("x")
    with pytest.raises(InvalidRequest, match="cannot be decrypted"):
        transit("rewrap/k", ciphertext=old)


@pytest.mark.parametrize("route", ["encrypt/k", "decrypt/k", "rewrap/k", "datakey/wrapped/k"])
def test_nobody_chooses_a_nonce(transit: Any, route: str) -> None:
    transit("keys/k")
    text = transit("encrypt/k", plaintext=b64("x"))["ciphertext"]
    with pytest.raises(InvalidRequest, match="nonce provided when not allowed"):
        transit(route, plaintext=b64("x"), ciphertext=text, nonce=b64(b"\0" * 12))


def test_each_of_a_batch_fails_by_itself(transit: Any) -> None:
    transit("keys/k")
    batch = [{"plaintext": b64("a"), "reference": "first"}, {"plaintext": "?"}, {"reference": "third"}]
    answer = transit.answer("encrypt/k", batch_input=batch)
    results = answer.value["data"]["batch_results"]
    assert [result["reference"] for result in results] == ["first", "", "third"]
    assert ["error" in result for result in results] == [False, True, True]
    assert answer.status == 400
    assert transit.answer("encrypt/k", batch_input=batch, partial_failure_response_code=207).status == 207
    assert transit.answer("encrypt/k", batch_input=batch[1:], partial_failure_response_code=207).status == 400
    texts = transit("encrypt/k", batch_input=batch[:1])["batch_results"]
    back = transit("decrypt/k", batch_input=[{"ciphertext": texts[0]["ciphertext"]}])["batch_results"]
    assert back == [{"plaintext": b64("a"), "reference": ""}]


@pytest.mark.parametrize("batch", [[], {}, "x", [1], [[]], [None]])
def test_what_is_no_batch_is_refused(transit: Any, batch: object) -> None:
    transit("keys/k")
    with pytest.raises(InvalidRequest, match="batch_input is a list"):
        transit("encrypt/k", batch_input=batch)


def test_what_counts_for_one_of_a_batch_does_not_stand_beside_it(transit: Any) -> None:
    transit("keys/k")
    with pytest.raises(InvalidRequest, match="nowhere else"):
        transit("encrypt/k", batch_input=[{"plaintext": b64("a")}], plaintext=b64("b"))


@pytest.mark.parametrize("bits", [128, 256, 512])
def test_data_keys_come_wrapped_and_if_asked_for_in_the_clear(transit: Any, bits: int) -> None:
    transit("keys/k")
    made = transit("datakey/plaintext/k", bits=bits)
    assert len(base64.b64decode(made["plaintext"])) == bits // 8
    assert transit("decrypt/k", ciphertext=made["ciphertext"])["plaintext"] == made["plaintext"]
    assert "plaintext" not in transit("datakey/wrapped/k", bits=bits)
    with pytest.raises(InvalidRequest):
        transit("datakey/plaintext/k", bits=bits + 1)


def test_random_bytes_are_of_the_length_asked_for(transit: Any) -> None:
    assert len(base64.b64decode(transit("random")["random_bytes"])) == 32
    assert len(transit("random/platform/7", format="hex")["random_bytes"]) == 14
    assert transit("random/16") != transit("random", bytes="16")
    for route, body in (("random/0", {}), ("random/999999", {}), ("random", {"source": "seal"}), ("random/x", {})):
        with pytest.raises(InvalidRequest):
            transit(route, **body)


def test_hashes_are_those_that_everybody_makes(transit: Any) -> None:
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert transit("hash", input=b64("abc"))["sum"] == abc
    assert transit("hash/sha2-256", input=b64("abc"), format="base64")["sum"] == b64(bytes.fromhex(abc))
    sha3 = "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"
    assert transit("hash", input=b64("abc"), algorithm="sha3-256")["sum"] == sha3
    with pytest.raises(InvalidRequest, match="algorithm is one of"):
        transit("hash", input=b64("abc"), algorithm="sha1")


def test_signatures_verify_in_whichever_place_the_algorithm_is_named(transit: Any) -> None:
    transit("keys/k", type="ecdsa-p256")
    made = transit("sign/k/sha2-512", input=b64("data"), marshaling_algorithm="jws")["signature"]
    told = {"input": b64("data"), "signature": made, "marshaling_algorithm": "jws"}
    assert transit("verify/k", hash_algorithm="sha2-512", **told) == {"valid": True}
    assert transit("verify/k/sha2-256", **told) == {"valid": False}
    batch = [{"input": b64("data"), "signature": made}, {"input": b64("date"), "signature": made}, {"input": ""}]
    results = transit("verify/k/sha2-512", batch_input=batch, marshaling_algorithm="jws")["batch_results"]
    assert [result.get("valid") for result in results] == [True, False, None]


def test_hmacs_verify_with_the_version_that_made_them(transit: Any) -> None:
    transit("keys/k", type="hmac", key_size=64)
    old = transit("hmac/k", input=b64("data"))["hmac"]
    transit("keys/k/rotate")
    assert transit("hmac/k", input=b64("data"))["hmac"].startswith("vault:v2:")
    assert transit("verify/k", input=b64("data"), hmac=old) == {"valid": True}
    assert transit("verify/k/sha2-384", input=b64("data"), hmac=old) == {"valid": False}
    with pytest.raises(InvalidRequest, match="either signature or hmac"):
        transit("verify/k", input=b64("data"))


def test_only_exportable_keys_are_exported(transit: Any) -> None:
    transit("keys/k")
    with pytest.raises(InvalidRequest, match="not exportable"):
        transit.read("export/encryption-key/k")
    transit("keys/k/config", exportable=True)
    transit("keys/k/rotate")
    keys = transit.read("export/encryption-key/k")["keys"]
    assert [len(base64.b64decode(keys[number])) for number in ("1", "2")] == [32, 32]
    assert transit.read("export/encryption-key/k/latest")["keys"] == {"2": keys["2"]}
    assert transit.read("export/hmac-key/k/1")["keys"].keys() == {"1"}
    transit("keys/k/config", min_decryption_version=2)
    assert transit.read("export/encryption-key/k")["keys"] == {"2": keys["2"]}
    for route in ("export/signing-key/k", "export/encryption-key/k/1", "export/encryption-key/k/x", "export/all/k"):
        with pytest.raises(InvalidRequest):
            transit.read(route)


@pytest.mark.parametrize("kind", ["rsa-2048", "ecdsa-p384"])
def test_asymmetric_keys_are_exported_as_openssl_has_them(transit: Any, kind: str) -> None:
    transit("keys/k", type=kind, exportable=True)
    private = serialization.load_pem_private_key(transit.read("export/signing-key/k")["keys"]["1"].encode(), None)
    public = transit.read("export/public-key/k")["keys"]["1"]
    assert public == transit.read("keys/k")["keys"]["1"]["public_key"]
    assert serialization.load_pem_public_key(public.encode()) == private.public_key()


def test_an_ed25519_key_is_exported_as_seed_and_public_key(transit: Any) -> None:
    transit("keys/k", type="ed25519", exportable=True)
    data = base64.b64decode(transit.read("export/signing-key/k")["keys"]["1"])
    key = ed25519.Ed25519PrivateKey.from_private_bytes(data[:32])
    assert key.public_key().public_bytes_raw() == data[32:]
    assert transit.read("keys/k")["keys"]["1"]["public_key"] == b64(data[32:])


def test_a_derived_key_shows_the_public_key_of_a_context(transit: Any) -> None:
    transit("keys/k", type="ed25519", derived=True)
    signed = transit("sign/k", input=b64("data"), context=b64("one"))
    assert transit("keys/k", READ, context=b64("one"))["keys"]["1"]["public_key"] == signed["public_key"]
    assert transit.read("keys/k")["keys"]["1"]["public_key"] == ""


def test_two_refusals_have_the_status_that_vaults_have(transit: Any) -> None:
    transit("keys/k", exportable=True)
    with pytest.raises(RefusedByKey, match="plaintext backup is disallowed on the policy") as refusal:
        transit.read("backup/k")
    assert refusal.value.status == 500
    transit("keys/k/config", allow_plaintext_backup=True)
    backup = transit.read("backup/k")["backup"]
    with pytest.raises(RefusedByKey, match="already exists"):
        transit("restore", backup=backup)


def test_a_backup_comes_back_under_its_name_or_another(transit: Any) -> None:
    transit("keys/k", type="ecdsa-p256", exportable=True, allow_plaintext_backup=True)
    signed = transit("sign/k", input=b64("data"))["signature"]
    backup = transit.read("backup/k")["backup"]
    transit("keys/k/rotate")
    transit("restore/copy", backup=backup)
    transit("restore", backup=backup, force=True)
    for name in ("k", "copy"):
        assert transit.read(f"keys/{name}")["latest_version"] == 1
        assert transit(f"verify/{name}", input=b64("data"), signature=signed) == {"valid": True}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_no_backup_that_was_changed_makes_a_key_that_breaks(transit: Any, data: st.DataObject) -> None:
    transit("keys/k", type="ecdsa-p256", exportable=True, allow_plaintext_backup=True)
    whole = base64.b64decode(transit.read("backup/k")["backup"]).decode()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + data.draw(st.characters(codec="utf-8")) + whole[at + 1 :]
    try:
        transit("restore/copy", backup=b64(changed), force=True)
        made = transit("sign/copy", input=b64("data"))["signature"]
    except InvalidRequest:
        return
    assert transit("verify/copy", input=b64("data"), signature=made)["valid"]


def wrapped(transit: Any, key: bytes, function: hashes.HashAlgorithm) -> str:
    """A key, wrapped for the mount as Vault's documentation has it."""
    public = serialization.load_pem_public_key(transit.read("wrapping_key")["public_key"].encode())
    assert isinstance(public, rsa.RSAPublicKey)
    ephemeral = b"\7" * 32
    sent = public.encrypt(ephemeral, padding.OAEP(padding.MGF1(function), function, None))
    return b64(sent + keywrap.aes_key_wrap_with_padding(ephemeral, key))


def test_keys_are_brought(transit: Any) -> None:
    transit("keys/k/import", ciphertext=wrapped(transit, b"\1" * 32, hashes.SHA256()), exportable=True)
    assert transit.read("export/encryption-key/k")["keys"]["1"] == b64(b"\1" * 32)
    with pytest.raises(InvalidRequest, match="without leave to rotate"):
        transit("keys/k/rotate")
    second = wrapped(transit, b"\2" * 32, hashes.SHA512())
    transit("keys/k/import_version", ciphertext=second, hash_function="SHA512")
    assert transit.read("keys/k")["latest_version"] == 2
    for refused in (
        {"ciphertext": second},
        {"ciphertext": wrapped(transit, b"\1" * 31, hashes.SHA256())},
        {"ciphertext": b64("x")},
        {"public_key": "x"},
        {},
    ):
        with pytest.raises(InvalidRequest):
            transit("keys/other/import", **refused)
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    transit("keys/theirs/import", type="ed25519", public_key=pem.decode())
    assert transit("verify/theirs", input=b64("data"), signature="vault:v1:" + b64(b"\0" * 64)) == {"valid": False}
    with pytest.raises(InvalidRequest, match="Only the public key is known"):
        transit("sign/theirs", input=b64("data"))


def test_what_a_backup_replaces_is_gone_from_the_past_too(transit: Any) -> None:
    transit("keys/k", exportable=True, allow_plaintext_backup=True)
    backup = transit.read("backup/k")["backup"]
    transit("restore", backup=backup, force=True)
    registry = transit.service.registry(transit.mount.workspace)
    assert [version.state for version in registry.history("key.k-k")].count(VersionState.LIVE) == 1


def test_what_is_trimmed_is_gone_from_the_past_too(transit: Any) -> None:
    transit("keys/k")
    for _ in range(3):
        transit("keys/k/rotate")
    transit("keys/k/config", min_decryption_version=3, min_encryption_version=4)
    transit("keys/k/trim", min_available_version=3)
    registry = transit.service.registry(transit.mount.workspace)
    states = [version.state for version in registry.history("key.k-k")]
    assert states.count(VersionState.LIVE) == 1
    assert set(transit.read("keys/k")["keys"]) == {"3", "4"}


def test_a_key_rotates_by_itself_when_it_is_used_after_its_period(transit: Any, clock: Clock) -> None:
    transit("keys/k", auto_rotate_period="1h")
    clock.advance(minutes=59)
    assert transit("encrypt/k", plaintext=b64("x"))["key_version"] == 1
    clock.advance(minutes=1)
    assert transit("encrypt/k", plaintext=b64("x"))["key_version"] == 2
    assert transit.read("keys/k")["latest_version"] == 2
    clock.advance(hours=1)
    assert transit("keys/k/rotate")["latest_version"] == 3
    with pytest.raises(InvalidRequest, match="every hour at most"):
        transit("keys/k/config", auto_rotate_period="30m")


def test_rotations_at_the_same_time_are_all_counted(
    each_service: Service, transit_of: Callable[[Service], Any]
) -> None:
    transit = transit_of(each_service)
    transit("keys/k")
    text = transit("encrypt/k", plaintext=b64("x"))["ciphertext"]

    def work(number: int) -> str:
        if number % 2:
            transit("keys/k/rotate")
        return transit("rewrap/k", ciphertext=text)["ciphertext"]

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(work, range(24)))
    assert transit.read("keys/k")["latest_version"] == 13
    assert {transit("decrypt/k", ciphertext=one)["plaintext"] for one in texts} == {b64("x")}


def test_keys_made_at_the_same_time_are_one(transit: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda n: transit("encrypt/k", CREATE, plaintext=b64(str(n)))["ciphertext"], range(16)))
    assert [transit("decrypt/k", ciphertext=text)["plaintext"] for text in texts] == [b64(str(n)) for n in range(16)]


def test_the_audit_says_who_used_a_key_and_how(transit: Any, canary: Plant) -> None:
    transit("keys/k", type="rsa-2048")
    text = transit("encrypt/k", plaintext=b64(canary("plaintext")))["ciphertext"]
    signature = transit("sign/k", input=b64("data"))["signature"]
    transit("decrypt/k", ciphertext=text)
    transit("rewrap/k", ciphertext=text)
    transit("verify/k", input=b64("data"), signature=signature)
    transit("hmac/k", input=b64("data"))
    transit("datakey/wrapped/k")
    transit.read("keys/k")
    entries = [entry for entry in transit.service.registry(transit.mount.workspace).audit() if entry.name == "k"]
    used = ["encrypt", "sign", "decrypt", "rewrap", "verify", "hmac", "datakey", "view"]
    assert [entry.action for entry in entries] == used[::-1]
    assert {entry.actor for entry in entries} == {"root"}


def test_errors_never_quote_what_was_sent(transit: Any, canary: Plant) -> None:
    transit("keys/k")
    secret = canary("sent")
    for route, body in (
        ("encrypt/k", {"plaintext": secret}),
        ("decrypt/k", {"ciphertext": secret}),
        ("sign/k", {"input": secret}),
        ("keys/x", {"type": secret}),
        ("restore", {"backup": b64(secret)}),
        ("keys/x/import", {"ciphertext": b64(secret)}),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            transit(route, **body)
        assert secret not in str(refusal.value)


VALUES = st.sampled_from(
    [
        None, "", "x", b64("data"), 0, 1, 2, -1, 10**12, True, [], {}, "1h", "auto", "pss", "jws", "rsa-2048", 1.5,
        "aes256-gcm96", "ed25519", "sha2-256", "hash", "vault:v1:AAAA", [{"plaintext": b64("a")}], [{"input": 1}],
    ]
)  # fmt: skip
FIELDS = [
    "type", "derived", "convergent_encryption", "exportable", "allow_plaintext_backup", "key_size",
    "auto_rotate_period", "plaintext", "ciphertext", "context", "associated_data", "key_version", "nonce",
    "batch_input", "input", "hash_algorithm", "algorithm", "prehashed", "signature_algorithm",
    "marshaling_algorithm", "salt_length", "signature", "hmac", "bits", "bytes", "format", "source", "backup",
    "force", "min_decryption_version", "min_encryption_version", "min_available_version", "deletion_allowed",
    "public_key", "hash_function", "partial_failure_response_code",
]  # fmt: skip
ROUTES = [
    "keys/k", "keys/new", "keys/k/config", "keys/k/rotate", "keys/k/trim", "keys/k/import",
    "keys/k/import_version", "encrypt/k", "decrypt/k", "rewrap/k", "datakey/plaintext/k", "sign/s", "verify/s",
    "hmac/k", "hmac/s/sha2-512", "hash", "hash/sha2-512", "random", "random/8", "restore", "restore/x",
    "export/hmac-key/k", "backup/k", "wrapping_key", "nothing", "keys", "keys/k/nothing",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    st.sampled_from(ROUTES),
    st.sampled_from(list(Operation)),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
)
def test_no_combination_of_parameters_is_a_mistake_of_the_server(
    transit: Any, route: str, operation: Operation, body: dict[str, Any]
) -> None:
    engine, service, mount = transit.engine, transit.service, transit.mount
    if not engine.exists(service, mount, "keys/s"):
        transit("keys/s", type="ed25519")
        transit("keys/k")
    if body.get("type") == "rsa-2048":
        body["type"] = "ecdsa-p256"  # as good, and sooner made
    with contextlib.suppress(InvalidRequest, UnknownThing, RefusedByKey):
        transit(route, operation, **body)
