"""The suite that a key provider has to pass. Subclass it in a test file and say how providers are made.

class TestMyProvider(KeyProviderContract):
    def make(self) -> KeyProvider: ...          # the same key at each call
    def make_other(self) -> KeyProvider: ...    # another key
"""

from __future__ import annotations

import secrets
import traceback

import pytest

from strongroom_registry.errors import IntegrityError, KeyProblem
from strongroom_registry.keys.provider import KeyProvider

CONTEXT = b"store, workspace, epoch"


class KeyProviderContract:
    """What every key provider does, whatever keeps its key."""

    def make(self) -> KeyProvider:
        """A provider, as a new process would make it: with the same key at each call."""
        raise NotImplementedError

    def make_other(self) -> KeyProvider:
        """A provider of the same kind with another key."""
        raise NotImplementedError

    def test_what_was_wrapped_comes_back_in_this_process_and_in_the_next(self) -> None:
        key, provider = secrets.token_bytes(32), self.make()
        wrapped = provider.wrap(key, CONTEXT)
        assert provider.unwrap(wrapped, CONTEXT) == key
        assert self.make().unwrap(wrapped, CONTEXT) == key

    def test_wrapping_twice_gives_two_different_texts_and_neither_shows_the_key(self) -> None:
        key, provider = secrets.token_bytes(32), self.make()
        first, second = provider.wrap(key, CONTEXT), provider.wrap(key, CONTEXT)
        assert first != second
        assert key not in first + second

    def test_the_fingerprint_names_the_key(self) -> None:
        wrapped = self.make().wrap(secrets.token_bytes(32), CONTEXT)
        here, again = self.make().fingerprint_for(wrapped), self.make().fingerprint_for(wrapped)
        assert here == again != ""
        assert here != self.make_other().fingerprint_for(wrapped)

    def test_another_key_opens_nothing(self) -> None:
        wrapped = self.make().wrap(secrets.token_bytes(32), CONTEXT)
        with pytest.raises((KeyProblem, IntegrityError)):
            self.make_other().unwrap(wrapped, CONTEXT)

    @pytest.mark.parametrize("context", [b"", b"another", CONTEXT + b"\0", CONTEXT[:-1]])
    def test_another_context_opens_nothing(self, context: bytes) -> None:
        provider = self.make()
        wrapped = provider.wrap(secrets.token_bytes(32), CONTEXT)
        with pytest.raises((KeyProblem, IntegrityError)):
            provider.unwrap(wrapped, context)

    def test_a_context_of_one_kibibyte_is_accepted(self) -> None:
        key, provider = secrets.token_bytes(32), self.make()
        assert provider.unwrap(provider.wrap(key, bytes(1024)), bytes(1024)) == key

    def test_a_change_of_any_byte_is_refused(self) -> None:
        provider = self.make()
        wrapped = provider.wrap(secrets.token_bytes(32), CONTEXT)
        for place in range(len(wrapped)):
            changed = wrapped[:place] + bytes([wrapped[place] ^ 1]) + wrapped[place + 1 :]
            with pytest.raises((KeyProblem, IntegrityError)):
                provider.unwrap(changed, CONTEXT)

    def test_every_truncation_and_an_addition_are_refused(self) -> None:
        provider = self.make()
        wrapped = provider.wrap(secrets.token_bytes(32), CONTEXT)
        for changed in [*(wrapped[:size] for size in range(len(wrapped))), wrapped + b"\0"]:
            with pytest.raises((KeyProblem, IntegrityError)):
                provider.unwrap(changed, CONTEXT)

    def test_errors_show_no_key_even_with_the_variables_of_every_frame(self) -> None:
        key, provider = secrets.token_bytes(32), self.make()
        wrapped = provider.wrap(key, CONTEXT)
        shown = repr(key)[2:-1]
        del key
        with pytest.raises((KeyProblem, IntegrityError)) as caught:
            provider.unwrap(wrapped, b"another")
        lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        assert shown not in "".join(line for line in lines if "shown = " not in line)

    def test_a_provider_says_where_its_key_lies_and_not_which_it_is(self) -> None:
        provider = self.make()
        scheme, colon, _ = provider.uri.partition(":")
        assert scheme.isascii()
        assert colon
        assert provider.uri == self.make().uri
