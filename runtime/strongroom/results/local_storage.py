"""The folder of this machine that holds results where no block does."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


class LocalStorage:
    """Records as files below a folder that only their owner may read; each is written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_path(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()

    def exists(self, path: str) -> bool:
        return (self.folder / path).is_file()

    def write_path(self, path: str, content: bytes) -> str:
        target = self.folder / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{uuid4().hex[:12]}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            draft.replace(target)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        return path
