"""One entry of the operating system's keyring (macOS' Keychain, the desktop's Secret Service, KWallet), through the
package ``keyring``.

A locked keyring asks a person for its password and waits for the answer, so every question ends after a time. Backends
that keep their entries in files of their own are refused: a key there lies as open as the file does.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from strongroom_registry.errors import KeyAbsent, KeyDenied, KeyExposed, KeyProblem, KeyServiceUnreachable

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

PATIENCE = timedelta(seconds=60)
"""How long a keyring may take: a person may have to type its password."""
LONGEST = 255

_NO_BACKEND = {"keyring.backends.fail", "keyring.backends.null"}
_IN_FILES = "keyrings.alt"
_LOCKED = {"KeyringLocked", "LockedException", "PromptDismissedException"}
"""The last two are those of SecretStorage, which ``keyring`` does not translate everywhere."""
_ELSEWHERE = "Where nobody logs in on a desktop, keep the secret in a file, a variable or a manager of secrets instead."


@dataclass(frozen=True, slots=True)
class KeyringEntry:
    """What the keyring holds for one user of one service.

    :param service: the service's name, such as ``strongroom``.
    :param user: the user's name, such as ``main``.
    """

    service: str
    user: str

    @classmethod
    def parse(cls, text: str) -> KeyringEntry | None:
        """``service/user``, or None for a text that is none. Nothing is unquoted; the last slash is the one that
        divides, so that a service may be a URL."""
        service, slash, user = text.rpartition("/")
        return cls(service, user) if slash and _is_name(service) and _is_name(user) else None

    def read(self, patience: timedelta = PATIENCE) -> str:
        """The text of the entry.

        :raises KeyAbsent: there is none.
        :raises KeyDenied: the keyring is locked, and was not unlocked.
        :raises KeyExposed: the only backend of ``keyring`` here keeps its entries in a file.
        :raises KeyServiceUnreachable: there is no keyring, or it does not answer in time.
        """
        found = self._asked(self._first_found, patience)
        if isinstance(found, KeyProblem):
            raise found
        if found is None:
            raise KeyAbsent(
                f"The keyring has no entry {self}.",
                f"Put it there: keyring set {self.service} {self.user}. A keyring belongs to one user of one machine.",
            )
        return found

    def write(self, text: str, patience: timedelta = PATIENCE) -> None:
        """Set the text of the entry, in place of what is there.

        :raises KeyProblem: as :meth:`read`, or the keyring does not keep it.
        """
        outcome = self._asked(self._writing(text), patience)
        del text  # the frames of an error are shown
        if isinstance(outcome, KeyProblem):
            raise outcome

    def remove(self, patience: timedelta = PATIENCE) -> None:
        """Remove the entry, which is there.

        :raises KeyProblem: as :meth:`read`.
        """
        outcome = self._asked(lambda: _backends()[0].delete_password(self.service, self.user), patience)
        if isinstance(outcome, KeyProblem):
            raise outcome

    def _first_found(self) -> str | None:
        found = (backend.get_password(self.service, self.user) for backend in _backends())
        return next((text for text in found if text is not None), None)

    def _writing(self, text: str) -> Callable[[], None]:
        return lambda: _backends()[0].set_password(self.service, self.user, text)

    def _asked(self, ask: Callable[[], T], patience: timedelta) -> T | KeyProblem:
        """What ``ask`` returns. It is left alone in its thread when it takes too long, as nothing can end it."""
        answers: SimpleQueue[T | KeyProblem] = SimpleQueue()

        def work() -> None:
            try:
                answers.put(ask())
            except Exception as error:
                answers.put(_told(error, self))

        threading.Thread(target=work, name="strongroom-keyring", daemon=True).start()
        try:
            return answers.get(timeout=patience.total_seconds())
        except Empty:
            return KeyServiceUnreachable(
                f"The keyring did not answer within {patience.total_seconds():g} s for the entry {self}.",
                "If it waits for its password, unlock it and try again.",
            )

    def __str__(self) -> str:
        return f"of user {self.user!r} for service {self.service!r}"


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST and text.isprintable() and text == text.strip()


def _backends() -> list[KeyringBackend]:
    """The backends to ask, best first: at least one."""
    chosen = _keyring().get_keyring()
    found = [one for one in getattr(chosen, "backends", [chosen]) if type(one).__module__ not in _NO_BACKEND]
    if not found:
        raise KeyServiceUnreachable(
            "This machine has no keyring, or not where this process runs: nobody is logged in on a desktop.", _ELSEWHERE
        )
    safe = [one for one in found if not _keeps_files(one)]
    if not safe:
        raise KeyExposed(
            f"The keyring here is {type(found[0]).__name__} of {_IN_FILES}, whose entries lie in a file of its own, in "
            "clear or under a password that it asks for.",
            f"Choose another backend of the package keyring. {_ELSEWHERE}",
        )
    return safe


def _keyring() -> ModuleType:
    try:
        return importlib.import_module("keyring")
    except ModuleNotFoundError:
        raise KeyServiceUnreachable(
            'The package "keyring" is not installed.', 'Run: pip install "strongroom[keyring]"'
        ) from None


def _keeps_files(backend: KeyringBackend) -> bool:
    return any(cls.__module__.startswith(f"{_IN_FILES}.") for cls in type(backend).__mro__)


def _told(error: Exception, entry: KeyringEntry) -> KeyProblem:
    """What went wrong in our words. The backend's own are not repeated: nobody knows what they hold."""
    if isinstance(error, KeyProblem):
        return error
    kinds = {cls.__name__ for cls in type(error).__mro__}
    if kinds & _LOCKED:
        return KeyDenied(
            f"The keyring is locked, and was not unlocked when it was asked for the entry {entry}.",
            "Unlock it (on a desktop by logging in), and allow this program to use the entry.",
        )
    if "NoKeyringError" in kinds:
        return KeyServiceUnreachable("This machine has no keyring that the package keyring can use.", _ELSEWHERE)
    return KeyServiceUnreachable(
        f"The keyring could not be asked for the entry {entry} ({type(error).__name__}).",
        f"Try: keyring get {entry.service} {entry.user}; and: keyring diagnose. {_ELSEWHERE}",
    )
