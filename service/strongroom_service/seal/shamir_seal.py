"""The seal that shares open: the server has no key until enough of those who keep a share have handed it in.

The registry says of itself how many shares its key was split into, in the URIs of what the key wrapped, so that nothing
else has to be kept. New shares are shares of a new key, which every workspace is wrapped with as well before the former
one goes: at once where the new shares were proved to have arrived, else when the server is first unsealed with them.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from threading import RLock

from strongroom_registry import Registry
from strongroom_registry.errors import KeyInUse, StoreProblem, UnknownKey, UnknownWorkspace
from strongroom_registry.keyring import WrappedKey
from strongroom_registry.keys.local import LocalKey
from strongroom_registry.settings import RegistrySettings
from strongroom_registry.stores import open_store

from strongroom_service.errors import CannotServe, InvalidRequest, Sealed
from strongroom_service.identity.caller import Caller
from strongroom_service.seal.root_generation import RootGeneration
from strongroom_service.seal.seal import Rekeyed, RekeyStatus, SealStatus
from strongroom_service.seal.shamir_key import HELD, SCHEME, Generation
from strongroom_service.seal.share import KEY, combine, split
from strongroom_service.service import Service
from strongroom_service.settings import ServerSettings

_log = logging.getLogger("strongroom.service")


@dataclass(frozen=True, slots=True)
class Initialised:
    """What a new registry is handed out with, this once."""

    shares: tuple[bytes, ...]
    root_token: str = field(repr=False)


@dataclass(slots=True)
class _Rekey:
    """New shares that are being made, from the first step to the last."""

    nonce: str
    shares: int
    threshold: int
    verify: bool
    given: dict[int, bytes] = field(default_factory=dict, repr=False)
    made: Generation | None = None
    key: bytes = field(default=b"", repr=False)


class ShamirSeal:
    """The seal of one server. Safe to use from several threads.

    :param opened: called with the service when the seal opens.
    :param closed: called when it closes; the service is closed by whoever was called with it.
    """

    def __init__(
        self,
        settings: ServerSettings,
        registry: RegistrySettings,
        opened: Callable[[Service], None],
        closed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._registry = registry.model_copy(update={"key": SCHEME})
        self._opened = opened
        self._closed = closed
        self._lock = RLock()
        self._service: Service | None = None
        self._given: dict[bytes, str] = {}
        self._nonce = ""
        self._rekey: _Rekey | None = None
        self._generations = self._stored()
        self.root = RootGeneration(
            lambda: self._current().threshold,
            lambda share: self._current().has(share),
            self.opens,
            self._new_root_token,
        )

    @property
    def settings(self) -> ServerSettings:
        """Those of the server."""
        return self._settings

    def status(self) -> SealStatus:
        """How it stands."""
        with self._lock:
            if not self._generations:
                self._generations = self._stored()  # another server may have made the registry since
            if not self._generations:
                return SealStatus("shamir", initialized=False, sealed=True)
            newest = max(self._generations)
            return SealStatus(
                "shamir",
                initialized=True,
                sealed=self._service is None,
                threshold=newest.threshold,
                shares=newest.shares,
                progress=len(self._given),
                nonce=self._nonce,
            )

    def initialise(self, shares: int, threshold: int) -> Initialised:
        """Make the registry, with a key that nobody keeps but in shares. It is sealed when this returns.

        :raises InvalidRequest: there is one already, or no such shares are possible.
        """
        with self._lock:
            if self.status().initialized:
                raise InvalidRequest("Vault is already initialized")
            key = secrets.token_bytes(KEY)
            made = split(key, shares, threshold)
            generation = Generation.of(1, threshold, made)
            HELD.hold(generation, key)
            try:
                with Service.open(self._settings, self._registry) as service:
                    token = service.tokens.make_root().token.text
            finally:
                HELD.forget()
            self._generations = self._stored()
            _log.info("The registry is made; its key was split into %d shares, of which %d open it.", shares, threshold)
            return Initialised(made, token)

    def unseal(self, share: bytes, sender: str = "") -> SealStatus:
        """Hand in a share; with the last one that it takes the server begins to answer.

        :param sender: where it comes from: the network of whoever hands it in.
        :raises InvalidRequest: there is no registry yet; or it is no share of its key, which those are kept beside that
            were handed in before.
        """
        with self._lock:
            if self._service is not None:
                return self.status()
            if not self.status().initialized:
                raise InvalidRequest("server is not yet initialized")
            if not any(generation.has(share) for generation in self._generations):
                raise _no_share()
            self._nonce = self._nonce or secrets.token_hex(16)
            self._given[share] = sender
            for generation in sorted(self._generations, reverse=True):
                own = [given for given in self._given if generation.has(given)]
                if len(own) >= generation.threshold:
                    key = combine(own[: generation.threshold])
                    if LocalKey(key).fingerprint in self._generations[generation]:
                        self._open(generation, key)
                        break
                    self._given = {}  # whoever can read the database can come by a share that has a mark and no key
                    raise _no_share()
            return self.status()

    def reset(self, sender: str = "") -> SealStatus:
        """Forget the shares that were handed in from there. Those from elsewhere stay: nobody is asked for a token
        here, so that anybody could end what others began."""
        with self._lock:
            self._given = {share: by for share, by in self._given.items() if by != sender}
            self._nonce = self._nonce if self._given else ""
            return self.status()

    def seal(self) -> None:
        """Forget the key: nothing is answered from now on until it is brought again."""
        with self._lock:
            self._service = None
            self._rekey = None
            self.root.cancel()
            HELD.forget()
            _log.info("The server is sealed.")
            self._closed()

    def rekey_status(self) -> RekeyStatus:
        """How it stands with making new shares."""
        with self._lock:
            going = self._rekey
            if going is None:
                return RekeyStatus(started=False, required=self._current().threshold)
            is_verifying = going.made is not None
            return RekeyStatus(
                started=True,
                verifying=is_verifying,
                nonce=going.nonce,
                threshold=going.threshold,
                shares=going.shares,
                progress=len(going.given),
                required=going.threshold if is_verifying else self._current().threshold,
                wants_verification=going.verify,
            )

    def start_rekey(self, shares: int, threshold: int, *, verify: bool) -> RekeyStatus:
        """Begin to make new shares of a new key; see :class:`~strongroom_service.seal.seal.Seal`."""
        with self._lock:
            if self._rekey is not None:
                raise InvalidRequest("rekey already in progress")
            split(bytes(KEY), shares, threshold)  # refuses what is not possible
            self._rekey = _Rekey(secrets.token_hex(16), shares, threshold, verify)
            return self.rekey_status()

    def rekey(self, share: bytes, nonce: str) -> Rekeyed:
        """Hand in a share of the former key; see :class:`~strongroom_service.seal.seal.Seal`."""
        with self._lock:
            going = self._going(nonce)
            if going.made is not None:
                raise InvalidRequest("the new shares are made, and wait to be verified")
            if not self._current().has(share):
                raise _no_share()
            going.given[share[0]] = share
            if len(going.given) < self._current().threshold:
                return Rekeyed(self.rekey_status())
            if not self.opens([*going.given.values()]):
                going.given = {}
                raise InvalidRequest("The shares do not give the key of the registry; none of them is kept.")
            made = self._make(going)
            if not going.verify:
                self._rekey = None
            else:
                going.nonce, going.given = secrets.token_hex(16), {}
            return Rekeyed(self.rekey_status(), made)

    def verify_rekey(self, share: bytes, nonce: str) -> Rekeyed:
        """Hand in a share of the new key; see :class:`~strongroom_service.seal.seal.Seal`."""
        with self._lock:
            going = self._going(nonce)
            if going.made is None:
                raise InvalidRequest("no rekey verification in progress")
            if not going.made.has(share):
                raise InvalidRequest("The key is none of the new shares; those that were handed in before are kept.")
            going.given[share[0]] = share
            if len(going.given) < going.threshold:
                return Rekeyed(self.rekey_status())
            given, going.given = [*going.given.values()], {}
            if not hmac.compare_digest(combine(given), going.key):
                raise InvalidRequest("The shares are not the new ones; none of them is kept.")
            self._remove_former(going.made)
            self._rekey = None
            return Rekeyed(self.rekey_status(), ())

    def cancel_rekey(self) -> None:
        """Give it up; the former shares stay good."""
        with self._lock:
            going, self._rekey = self._rekey, None
            if going is not None and going.made is not None:
                self._withdraw(going.made)

    def restart_verification(self) -> RekeyStatus:
        """Begin anew to hand in new shares, under another nonce."""
        with self._lock:
            if self._rekey is None or self._rekey.made is None:
                raise InvalidRequest("no rekey verification in progress")
            self._rekey = replace(self._rekey, nonce=secrets.token_hex(16), given={})
            return self.rekey_status()

    def opens(self, shares: Sequence[bytes]) -> bool:
        """Whether these shares are those of the key in use."""
        held = HELD.key(self._current().uri) or b""
        distinct = {share[0]: share for share in shares}
        if len(distinct) < self._current().threshold:
            return False
        return hmac.compare_digest(combine([*distinct.values()][-self._current().threshold :]), held)

    def _open(self, generation: Generation, key: bytes) -> None:
        HELD.hold(generation, key)
        try:
            service = Service.open(self._settings, self._registry, create=False)
        except BaseException:
            HELD.forget()
            raise
        finally:
            self._given, self._nonce = {}, ""
        service.seal = self
        self._service = service
        _log.info("The server is unsealed.")
        if generation == max(self._generations) and self._opens_all(generation):
            with suppress(StoreProblem):  # the next time, then
                self._remove_former(generation)
        self._opened(service)

    def _make(self, going: _Rekey) -> tuple[bytes, ...]:
        """Make a new key, and have all workspaces wrapped with it too; its shares."""
        key = secrets.token_bytes(KEY)
        made = split(key, going.shares, going.threshold)
        generation = Generation.of(max(self._generations).number + 1, going.threshold, made)
        HELD.hold(generation, key, current=False)
        self._wrap_all(generation)
        if not going.verify:
            HELD.hold(generation, key)
        going.made, going.key = generation, key
        self._generations = self._stored()
        return made

    def _remove_former(self, kept: Generation) -> None:
        """Have no workspace be opened by shares of an earlier key any more."""
        former = [generation for generation in self._generations if generation < kept]
        if not former:
            return
        self._wrap_all(kept)
        HELD.hold(kept, HELD.key(kept.uri) or b"")
        for registry in self._registries():
            for generation in former:
                with suppress(UnknownKey):
                    registry.remove_key(generation.uri)
        for generation in former:
            HELD.drop(generation)
        self._generations = self._stored()

    def _wrap_all(self, generation: Generation) -> None:
        """Have all workspaces wrapped with a key that is held, those as well that are made meanwhile."""
        while True:
            lacking = [registry for registry in self._registries() if not _is_wrapped(registry, generation)]
            if not lacking:
                return
            for registry in lacking:
                registry.add_key(generation.uri)

    def _withdraw(self, made: Generation) -> None:
        """Remove what the key of new shares wrapped."""
        for registry in self._registries():
            with suppress(UnknownKey, KeyInUse):  # made meanwhile
                registry.remove_key(made.uri)
        HELD.drop(made)
        self._generations = self._stored()

    def _registries(self) -> list[Registry]:
        assert self._service is not None  # noqa: S101  # asked of an open seal alone
        found = [self._service.workspaces.own]
        for name in self._service.workspaces.names():
            with suppress(UnknownWorkspace):  # removed meanwhile
                found.append(self._service.registry(name))
        return found

    def _new_root_token(self) -> str:
        if self._service is None:
            raise Sealed("Vault is sealed")
        self._service.record(Caller("shares of the key"), "new-root-token")
        return self._service.tokens.make_root(name="generate-root").token.text

    def _opens_all(self, generation: Generation) -> bool:
        """Whether no workspace needs the shares of an earlier key: one may have been made while new shares waited to be
        verified, and the server ended before they were."""
        lacking = [
            wraps for wraps in _wraps(self._registry.url) if all(wrap.provider != generation.uri for wrap in wraps)
        ]
        if lacking:
            _log.error(
                "%d workspaces open with the former shares alone. Unseal the server with these, and make new shares.",
                len(lacking),
            )
        return not lacking

    def _current(self) -> Generation:
        return Generation.parse(HELD.current()) or max(self._generations)

    def _going(self, nonce: str) -> _Rekey:
        if self._rekey is None:
            raise InvalidRequest("no rekey in progress")
        if not hmac.compare_digest(self._rekey.nonce.encode(), nonce.encode("utf-8", "replace")):
            raise InvalidRequest("incorrect nonce supplied")
        return self._rekey

    def _stored(self) -> dict[Generation, frozenset[str]]:
        """The sets of shares whose keys wrapped something, with the fingerprints of those keys.

        :raises CannotServe: the registry has a key of another kind.
        """
        found: dict[Generation, set[str]] = {}
        workspaces = _wraps(self._registry.url)
        for wrap in chain.from_iterable(workspaces):
            generation = Generation.parse(wrap.provider)
            if generation is not None:
                found.setdefault(generation, set()).add(wrap.fingerprint)
        if workspaces and not found:
            raise CannotServe(
                "The key of this registry was not split into shares.", "Start the server without the seal shamir."
            )
        return {generation: frozenset(fingerprints) for generation, fingerprints in found.items()}


def _no_share() -> InvalidRequest:
    return InvalidRequest("The key is no share of the registry's; those that were handed in before are kept.")


def _is_wrapped(registry: Registry, generation: Generation) -> bool:
    wraps = registry.keys()
    return any(wrap.provider == generation.uri for wrap in wraps)


def _wraps(url: str) -> list[list[WrappedKey]]:
    """What wrapped the keys of each workspace; nothing where there is no registry."""
    store = open_store(url)
    try:
        if store.store_id is None:
            return []
        with store.reading() as view:
            return [list(view.keys(row.id)) for row in view.workspaces()]
    finally:
        store.close()
