"""``vault-transit:mount/key``: workspace keys wrapped by a key of Vault's transit engine, which never leaves Vault.

What is wrapped is bound to its place both ways that transit has: as ``associated_data``, which every AEAD key takes,
and as the ``context`` of a derived key. A plain key ignores the context, and a Vault before 1.13 associated data, so
whether the key binds is proved at every wrap: the new ciphertext must not open in another place. Neither ``rewrap`` nor
``datakey`` takes associated data, and neither is used; to bring old wraps to a new version of the key, wrap anew.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from strongroom import StrongroomError
from strongroom.keys import (
    InvalidKeyUri,
    KeyAbsent,
    KeyDenied,
    KeyProblem,
    KeyServiceUnreachable,
    KeyUnavailable,
    RemoteKeyProvider,
    SealBroken,
)

from strongroom_vault.auth import field_of
from strongroom_vault.credentials import VaultCredentials
from strongroom_vault.errors import (
    TransitSealed,
    VaultAbsent,
    VaultDenied,
    VaultError,
    VaultLoginProblem,
    VaultRefused,
    VaultSealed,
    VaultUnreachable,
)
from strongroom_vault.faults import asked

SCHEME = "vault-transit"
_WRITE = "Write vault-transit:MOUNT/KEY, with ?address=, &namespace= or &known-as= behind it where they are needed."
_PLACE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_CIPHERTEXT = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})")
_PARAMETERS = {"address", "namespace", "known-as"}
_NO_CIPHERTEXT = f"vault:v1:{base64.b64encode(bytes(28)).decode()}"


class TransitKey(RemoteKeyProvider):
    """A key of a transit engine.

    :param mount: where the engine is mounted, usually ``transit``.
    :param name: the key's name: one of type ``aes256-gcm96`` or another AEAD, or any derived one.
    :param address: where Vault is; by default ``VAULT_ADDR``.
    :param known_as: the name of this Vault in the key's fingerprint, instead of its address: for one that moved, its
        former address. It is part of what names the key for good.
    :param credentials: the login; by default that of the environment, see
        :meth:`~strongroom_vault.VaultCredentials.from_environment`.
    """

    def __init__(
        self,
        mount: str,
        name: str,
        *,
        address: str | None = None,
        namespace: str | None = None,
        known_as: str | None = None,
        credentials: VaultCredentials | None = None,
    ) -> None:
        self._mount, self._name, self._known_as = mount, name, known_as
        self._address, self._namespace, self._credentials = address, namespace, credentials
        given = {"address": address, "namespace": namespace, "known-as": known_as}
        query = urlencode({name: value for name, value in given.items() if value}, safe=":/")
        super().__init__(f"{SCHEME}:{mount}/{name}" + (f"?{query}" if query else ""), self._identify)

    def _identify(self) -> str:
        """Vault's address, the namespace, the mount and the name: a key has nothing of its own that a policy which
        lets encrypt and decrypt alone would show."""
        login = self._login()
        where = self._known_as or _normal(login.url)
        return "\n".join([where, (login.namespace or "").strip("/"), self._mount, self._name])

    def _login(self) -> VaultCredentials:
        if self._credentials is None:
            with _told(f"{SCHEME}:{self._mount}/{self._name}"):
                self._credentials = VaultCredentials.from_environment(url=self._address, namespace=self._namespace)
        if not _is_private(self._credentials.url):
            raise KeyUnavailable(
                f"The address of Vault for {SCHEME}:{self._mount}/{self._name} says http of another machine: the "
                "workspace key would travel in clear.",
                "Use https, or a Vault Agent or Vault Proxy on this machine.",
            )
        return self._credentials

    @classmethod
    def from_uri(cls, uri: str) -> TransitKey:
        """``vault-transit:MOUNT/KEY[?address=…&namespace=…&known-as=…]``.

        :raises InvalidKeyUri: it is none. The message does not repeat it: it may hold a token by mistake.
        """
        place, _, query = uri.removeprefix(f"{SCHEME}:").partition("?")
        mount, _, name = place.strip("/").rpartition("/")
        if not mount or not all(_PLACE.fullmatch(part) for part in [*mount.split("/"), name]):
            raise InvalidKeyUri("A key URI that starts with 'vault-transit:' names no key below a mount.", _WRITE)
        given = _parameters(query)
        return cls(
            mount, name, address=given.get("address"), namespace=given.get("namespace"), known_as=given.get("known-as")
        )

    def _encrypt(self, plaintext: bytes, bound: bytes) -> bytes:
        try:
            with _told(self.uri):
                self._check_it_exists(bound)
                answer = self._ask("encrypt_data", bound, plaintext=base64.b64encode(plaintext).decode())
        except _Refused as exc:
            raise KeyUnavailable(f"{self.uri} cannot wrap a key: {exc.problem}", exc.remedy) from None
        text = _CIPHERTEXT.fullmatch(str(answer.get("ciphertext")))
        if text is None:
            raise KeyUnavailable(f"What {self.uri} encrypted is no ciphertext of transit's.", "Use a symmetric key.")
        self._check_it_binds(text[0], bound)
        return int(text[1]).to_bytes(4, "big") + base64.b64decode(text[2])

    def _decrypt(self, ciphertext: bytes, bound: bytes) -> bytes:
        version = int.from_bytes(ciphertext[:4], "big")
        text = f"vault:v{version}:{base64.b64encode(ciphertext[4:]).decode()}"
        try:
            with _told(self.uri):
                plaintext = str(self._ask("decrypt_data", bound, ciphertext=text).get("plaintext"))
        except _Refused:
            raise SealBroken(
                f"The wrapped workspace key does not open with {self.uri}: it was changed, belongs to another "
                "registry, workspace or epoch, or the key in Vault was made anew.",
                "Restore the key from Vault's backup, or the registry from its own.",
            ) from None
        try:
            return base64.b64decode(plaintext, validate=True)
        except binascii.Error:
            raise SealBroken(f"What {self.uri} decrypted is no key.", "Restore the registry from a backup.") from None

    def _check_it_exists(self, bound: bytes) -> None:
        """To encrypt under a name that is not there makes a new key, if the policy allows; to decrypt never does."""
        try:
            self._ask("decrypt_data", bound, ciphertext=_NO_CIPHERTEXT)
        except VaultRefused as exc:
            if "not found" in exc.problem:
                raise

    def _check_it_binds(self, text: str, bound: bytes) -> None:
        try:
            with _told(self.uri):
                self._ask("decrypt_data", bound + b"elsewhere", ciphertext=text)
        except _Refused:
            return
        raise KeyUnavailable(
            f"The key {self.uri} does not bind what it wraps to its place: this Vault ignores associated data.",
            "Use a key made with derived=true, or Vault 1.13 or newer. Nothing was changed.",
        )

    def _ask(self, verb: str, bound: bytes, **arguments: str) -> dict[str, Any]:
        place = base64.b64encode(bound).decode()
        session = self._login().session()
        transit = session.client.secrets.transit
        call = getattr(transit, verb)
        answer = asked(
            lambda: call(self._name, context=place, associated_data=place, mount_point=self._mount, **arguments)
        )
        return field_of(answer, "data")


class _Refused(KeyProblem):
    """Vault has the key, and refuses what it was asked to do with it."""


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """Turns errors of Vault's into those of a key provider."""
    try:
        yield
    except KeyProblem:
        raise
    except VaultError as exc:
        problem = _explained(exc, uri)
    except StrongroomError as exc:  # settings that make no sense, a client that is not installed
        problem = KeyUnavailable(exc.problem, exc.remedy)
    else:
        return
    raise problem from None


def _explained(exc: VaultError, uri: str) -> KeyProblem:
    if isinstance(exc, VaultDenied):
        return KeyDenied(
            f"{exc.problem[:-1]}, so {uri} cannot be used.",
            "Grant the token's policy 'update' on encrypt/ and decrypt/ of the key; a token that ran out is refused "
            "with the same word.",
        )
    if isinstance(exc, VaultLoginProblem):
        return KeyDenied(exc.problem, exc.remedy)
    if isinstance(exc, VaultAbsent):
        return KeyAbsent(f"There is no transit engine for {uri}: {exc.problem}", exc.remedy)
    if isinstance(exc, VaultSealed):
        return TransitSealed(exc.problem, exc.remedy)
    if isinstance(exc, VaultUnreachable):
        return KeyServiceUnreachable(f"{uri} cannot be asked: {exc.problem}", exc.remedy)
    return _refused(exc, uri)


def _refused(exc: VaultError, uri: str) -> KeyProblem:
    if "encryption key not found" in exc.problem:
        return KeyAbsent(
            f"Vault has no key for {uri}.",
            "Make it (vault write -f transit/keys/NAME), or, if it was deleted, restore Vault's backup: what it "
            "wrapped cannot be opened without it.",
        )
    if "too old" in exc.problem:
        return KeyAbsent(
            f"The version of {uri} that wrapped this is archived, or was trimmed.",
            "Lower min_decryption_version of the key in Vault, rotate the wraps, and raise it again.",
        )
    if "too new" in exc.problem:
        return KeyAbsent(
            f"The version of {uri} that wrapped this is not there: the key was made anew, or restored from before.",
            "Restore the key from Vault's backup.",
        )
    if "missing 'context'" in exc.problem or "non-AEAD" in exc.problem:
        return KeyUnavailable(f"{uri} cannot bind: {exc.problem}", "Use a key of type aes256-gcm96.")
    return _Refused(exc.problem, exc.remedy)


def _parameters(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    address = urlsplit(given.get("address", "https://host"))
    readable = len(given) == len(pairs) == len([part for part in query.split("&") if part])
    if not readable or not _PARAMETERS.issuperset(given) or not all(map(_is_plain, given.values())):
        raise InvalidKeyUri("A key URI that starts with 'vault-transit:' has parameters that it cannot have.", _WRITE)
    if address.scheme not in {"http", "https"} or not address.hostname or address.username or address.password:
        raise InvalidKeyUri(
            "The address in a key URI that starts with 'vault-transit:' is none, or holds a login.", _WRITE
        )
    return given


def _is_plain(value: str) -> bool:
    return 0 < len(value) <= 1024 and value.isprintable()


def _is_private(address: str) -> bool:
    """Whether nobody on the way can read what is sent: it goes by TLS, or stays on this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _normal(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
