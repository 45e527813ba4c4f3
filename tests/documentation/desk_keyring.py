"""The keyring of the desktop on which the pages are read: it outlives a process, and lies in the page's folder."""

from __future__ import annotations

import json
from pathlib import Path

from keyring.backend import KeyringBackend

_FILE = Path("desk-keyring.json")


class DeskKeyring(KeyringBackend):
    """A backend of the package ``keyring``, chosen by ``PYTHON_KEYRING_BACKEND``."""

    priority = 1.0

    def get_password(self, service: str, username: str) -> str | None:
        found: str | None = self._entries().get(f"{service}/{username}")
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        _FILE.write_text(json.dumps(self._entries() | {f"{service}/{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        _FILE.write_text(json.dumps({k: v for k, v in self._entries().items() if k != f"{service}/{username}"}))

    def _entries(self) -> dict[str, str]:
        entries: dict[str, str] = json.loads(_FILE.read_text()) if _FILE.exists() else {}
        return entries
