"""A key beside a plain model of it: which versions write, which read, and what refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit import encryption
from strongroom_service.vault_api.transit.key import TransitKey, new_key, new_version
from strongroom_service.vault_api.transit.kinds import Kind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = st.integers(0, 9)


class KeyMachine(RuleBasedStateMachine):
    """The model is four numbers."""

    texts: Bundle[Any] = Bundle("texts")

    @initialize(kind=st.sampled_from([Kind.AES128, Kind.AES256, Kind.CHACHA20]))
    def begin(self, kind: Kind) -> None:
        self.key: TransitKey = new_key("k", kind, NOW)
        self.latest, self.reads, self.writes, self.kept = 1, 1, 0, 0

    @rule()
    def rotate(self) -> None:
        self.key = self.key.rotated(new_version(self.key.kind, 32, NOW))
        self.latest += 1

    @rule(reads=st.none() | NUMBERS, writes=st.none() | NUMBERS)
    def configure(self, reads: int | None, writes: int | None) -> None:
        read = self.reads if reads is None else reads or 1
        write = self.writes if writes is None else writes
        allowed = max(read, write) <= self.latest and (not write or read <= write)
        if allowed and read >= self.kept and (not write or write >= self.kept):
            self.key = self.key.configured(min_decryption_version=reads, min_encryption_version=writes)
            self.reads, self.writes = read, write
        else:
            with pytest.raises(InvalidRequest):
                self.key.configured(min_decryption_version=reads, min_encryption_version=writes)

    @rule(first=NUMBERS)
    def trim(self, first: int) -> None:
        if self.writes and max(1, self.kept) <= first <= min(self.reads, self.writes):
            self.key = self.key.trimmed(first)
            self.kept = first
        else:
            with pytest.raises(InvalidRequest):
                self.key.trimmed(first)

    @rule(target=texts, version=NUMBERS)
    def encrypt(self, version: int) -> tuple[int, str] | None:
        number = version or self.latest
        if not max(1, self.writes, self.kept) <= number <= self.latest:
            with pytest.raises(InvalidRequest):
                encryption.encrypt(self.key, b"plain", version=version)
            return None
        text, used = encryption.encrypt(self.key, b"plain", version=version)
        assert used == number
        return number, text

    @rule(text=texts)
    def decrypt(self, text: tuple[int, str] | None) -> None:
        if text is None:
            return
        if text[0] >= self.reads:
            assert encryption.decrypt(self.key, text[1]) == b"plain"
        else:
            with pytest.raises(InvalidRequest, match="too old"):
                encryption.decrypt(self.key, text[1])

    @invariant()
    def it_is_kept_whole(self) -> None:
        if hasattr(self, "key"):
            assert TransitKey.model_validate_json(self.key.model_dump_json()) == self.key
            assert set(self.key.versions) == set(range(max(1, self.kept), self.latest + 1))


TestKeyMachine = KeyMachine.TestCase
TestKeyMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
