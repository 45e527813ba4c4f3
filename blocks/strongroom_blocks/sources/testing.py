"""The suite that a source of secrets has to pass: subclass it, give it two fixtures, and pytest does the rest.

    class TestMyVault(SecretSourceContract):
        @pytest.fixture
        def source(self):
            return MyVault()

        @pytest.fixture
        def secrets(self):
            return {"crm#token": "…", "crm#user": "…"}     # what is there: two or more references, with their secrets

        absent = "nothing#here"                             # a well-formed reference to nothing
        malformed = ["", "#", "a b"]                        # no references

Needs pytest.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from strongroom_blocks.errors import InvalidSecretReference, SecretAbsent
from strongroom_blocks.sources.source import SecretSource


class SecretSourceContract:
    """What everybody who resolves references relies on in a :class:`~strongroom_blocks.sources.source.SecretSource`."""

    absent: ClassVar[str]
    malformed: ClassVar[Sequence[str]]

    @pytest.fixture
    def source(self) -> SecretSource:
        """Override: the source."""
        raise NotImplementedError("give the suite a fixture named source")

    @pytest.fixture
    def secrets(self) -> Mapping[str, str | bytes]:
        """Override: two or more references to secrets that are there, with what they hold."""
        raise NotImplementedError("give the suite a fixture named secrets")

    def test_it_is_a_source(self, source: SecretSource) -> None:
        assert isinstance(source, SecretSource)
        assert float(getattr(source, "ttl", 1)) >= 0

    def test_what_is_there_is_fetched(self, source: SecretSource, secrets: Mapping[str, str | bytes]) -> None:
        assert dict(source.fetch(list(secrets), timeout=30)) == dict(secrets)

    def test_one_at_a_time_works_too(self, source: SecretSource, secrets: Mapping[str, str | bytes]) -> None:
        for reference, secret in secrets.items():
            assert source.fetch([reference], timeout=30)[reference] == secret

    def test_nothing_is_asked_for(self, source: SecretSource) -> None:
        assert dict(source.fetch([], timeout=30)) == {}

    def test_what_is_absent_keeps_nothing_else_from_arriving(
        self, source: SecretSource, secrets: Mapping[str, str | bytes]
    ) -> None:
        found = source.fetch([self.absent, *secrets], timeout=30)
        problem = found[self.absent]
        assert isinstance(problem, SecretAbsent)
        assert self.absent in problem.problem
        assert problem.remedy
        assert {reference: found[reference] for reference in secrets} == dict(secrets)

    def test_references_are_checked_without_asking(
        self, source: SecretSource, secrets: Mapping[str, str | bytes]
    ) -> None:
        for reference in (*secrets, self.absent):
            source.check(reference)
        for reference in self.malformed:
            with pytest.raises(InvalidSecretReference):
                source.check(reference)

    def test_a_problem_shows_no_secret(self, source: SecretSource, secrets: Mapping[str, str | bytes]) -> None:
        found = source.fetch([self.absent, *secrets], timeout=30)
        shown = f"{found[self.absent]!r} {source!r}"
        for secret in secrets.values():
            text = secret if isinstance(secret, str) else secret.decode("latin-1")
            assert text not in shown

    def test_threads_share_a_source(self, source: SecretSource, secrets: Mapping[str, str | bytes]) -> None:
        found: list[object] = []
        threads = [
            threading.Thread(target=lambda: found.append(dict(source.fetch(list(secrets), timeout=30))))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [dict(secrets)] * 4
