"""Keys in the OS keyring, and what is said where that is locked, empty, away, asleep or no safe place."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import keyring
import pytest
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from keyring.backends import chainer, fail, null
from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordSetError
from keyrings.alt.file import EncryptedKeyring, PlaintextKeyring
from servers.os_keyring import MemoryKeyring
from strongroom_registry import open_registry
from strongroom_registry.errors import (
    InvalidKeyUri,
    KeyAbsent,
    KeyDenied,
    KeyExposed,
    KeyMalformed,
    KeyProblem,
    KeyServiceUnreachable,
    KeyUnavailable,
    StrongroomError,
    WrongKey,
)
from strongroom_registry.keys import KeyProvider, resolve
from strongroom_registry.keys.keyring_entry import LONGEST, KeyringEntry
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.keys.os_keyring import KeyringKey
from strongroom_registry.testing_keys import KeyProviderContract

from .conftest import saver

MAIN = KeyringEntry("strongroom", "main")
KEY, CONTEXT = bytes(range(32)), b"context"


class TestKeyringKey(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _entries(self, os_keyring: MemoryKeyring) -> None:
        for user in ("main", "other"):
            os_keyring.entries["strongroom", user] = new_key_text()

    def make(self) -> KeyProvider:
        return resolve("keyring:strongroom/main")

    def make_other(self) -> KeyProvider:
        return resolve("keyring:strongroom/other")


class TestUris:
    @pytest.mark.parametrize(
        ("uri", "service", "user"),
        [
            ("keyring:strongroom/main", "strongroom", "main"),
            ("keyring:https://pkg.example/legacy/me@example.com", "https://pkg.example/legacy", "me@example.com"),
            ("keyring:Ablage für Schlüssel/ich", "Ablage für Schlüssel", "ich"),
            ("keyring:a%2Fb/c:d", "a%2Fb", "c:d"),
        ],
    )  # fmt: skip
    def test_it_names_a_service_and_a_user(self, uri: str, service: str, user: str) -> None:
        provider = resolve(uri)
        assert isinstance(provider, KeyringKey)
        assert provider.entry == KeyringEntry(service, user)
        assert provider.uri == uri

    @pytest.mark.parametrize(
        "rest", ["", "/", "strongroom", "strongroom/", "/main", " /main", "a/ b", "a/b\n", "a\0/b", "a/\ud800",
                 f"{'x' * (LONGEST + 1)}/main"]
    )  # fmt: skip
    def test_what_names_none_is_refused_without_asking(self, os_keyring: MemoryKeyring, rest: str) -> None:
        with pytest.raises(InvalidKeyUri, match="SERVICE/USER"):
            resolve(f"keyring:{rest}")
        assert os_keyring.questions == 0

    @given(st.text(max_size=40))
    def test_any_text_is_an_entry_that_reads_back_or_none(self, text: str) -> None:
        entry = KeyringEntry.parse(text)
        if entry is not None:
            assert f"{entry.service}/{entry.user}" == text
            assert KeyringKey(entry).uri == f"keyring:{text}"
            str(entry).encode()


class TestReading:
    def test_the_keyring_is_asked_once(self, os_keyring: MemoryKeyring) -> None:
        os_keyring.entries["strongroom", "main"] = new_key_text()
        key = KeyringKey(MAIN)
        for _ in range(3):
            assert key.unwrap(key.wrap(KEY, CONTEXT), CONTEXT) == KEY
        assert os_keyring.questions == 1

    def test_a_missing_key_is_named_with_how_to_put_it_back(self, os_keyring: MemoryKeyring) -> None:
        with pytest.raises(KeyAbsent, match=r"no entry of user 'main' for service 'strongroom'.*keyring set"):
            assert KeyringKey(MAIN).fingerprint

    def test_a_locked_keyring_says_so(self, os_keyring: MemoryKeyring) -> None:
        os_keyring.failure = KeyringLocked("Failed to unlock the collection!")
        with pytest.raises(KeyDenied, match=r"is locked.*the entry of user 'main'.*Unlock it"):
            assert KeyringKey(MAIN).fingerprint

    @pytest.mark.parametrize("name", ["LockedException", "PromptDismissedException"])
    def test_so_does_one_whose_prompt_was_dismissed(self, os_keyring: MemoryKeyring, name: str) -> None:
        import secretstorage.exceptions

        os_keyring.failure = getattr(secretstorage.exceptions, name)("Item is locked")
        with pytest.raises(KeyDenied, match="is locked"):
            assert KeyringKey(MAIN).fingerprint

    @pytest.mark.parametrize("nothing", [fail.Keyring, null.Keyring])
    def test_a_headless_box_is_told_what_to_use_instead(
        self, os_keyring: MemoryKeyring, nothing: type[fail.Keyring]
    ) -> None:
        keyring.set_keyring(nothing())
        for ask in (lambda: KeyringKey(MAIN).fingerprint, KeyringKey(MAIN).generate):
            with pytest.raises(KeyServiceUnreachable, match=r"no keyring.*in a file, a variable"):
                ask()

    def test_a_backend_without_a_keyring_behind_it_is_no_keyring_either(self, os_keyring: MemoryKeyring) -> None:
        os_keyring.failure = NoKeyringError("No recommended backend was available.")
        with pytest.raises(KeyServiceUnreachable, match="no keyring that the package keyring can use"):
            assert KeyringKey(MAIN).fingerprint

    def test_a_keyring_that_never_answers_is_left_alone(self, os_keyring: MemoryKeyring) -> None:
        os_keyring.asleep = threading.Event()
        with pytest.raises(KeyServiceUnreachable, match=r"within 0\.01 s.*unlock it"):
            assert KeyringKey(MAIN, patience=timedelta(milliseconds=10)).fingerprint

    @pytest.mark.parametrize("backend", [PlaintextKeyring, EncryptedKeyring])
    def test_a_backend_that_keeps_files_is_refused_and_not_asked(
        self,
        os_keyring: MemoryKeyring,
        backend: type[PlaintextKeyring],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        monkeypatch.setattr(EncryptedKeyring, "_get_crypto_impl", dict)  # a package for what it will not be asked to do
        keyring.set_keyring(backend())
        for ask in (lambda: KeyringKey(MAIN).fingerprint, KeyringKey(MAIN).generate):
            with pytest.raises(KeyExposed, match=f"{backend.__name__}.*entries lie in a file.*another backend"):
                ask()
        assert not (tmp_path / "data").exists()

    def test_of_a_chain_the_files_are_left_out(
        self, os_keyring: MemoryKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        files = PlaintextKeyring()
        files.set_password("strongroom", "main", "of the file")
        monkeypatch.setattr(chainer.ChainerBackend, "backends", [files, os_keyring])
        keyring.set_keyring(chainer.ChainerBackend())
        with pytest.raises(KeyAbsent):
            assert KeyringKey(MAIN).fingerprint
        KeyringKey(MAIN).generate()
        assert list(os_keyring.entries) == [("strongroom", "main")]
        assert files.get_password("strongroom", "main") == "of the file"

    def test_whatever_else_goes_wrong_is_named_by_its_kind_alone(
        self, os_keyring: MemoryKeyring, canary: Plant
    ) -> None:
        os_keyring.failure = InitError(canary("said"))
        with pytest.raises(KeyServiceUnreachable, match=r"\(InitError\).*keyring diagnose") as caught:
            assert KeyringKey(MAIN).fingerprint
        assert caught.value.__cause__ is caught.value.__context__ is None

    def test_something_else_in_the_entry_is_no_key_and_does_not_show(
        self, os_keyring: MemoryKeyring, canary: Plant
    ) -> None:
        os_keyring.entries["strongroom", "main"] = secret = canary("entry")
        with pytest.raises(KeyMalformed, match="'main'") as caught:
            assert KeyringKey(MAIN).fingerprint
        lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        assert secret not in "".join(line.replace(f"secret = {secret!r}", "") for line in lines)
        os_keyring.entries["strongroom", "main"] = "\ud800"
        with pytest.raises(KeyMalformed):
            assert KeyringKey(MAIN).fingerprint

    def test_where_the_package_is_missing_it_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "keyring", None)
        with pytest.raises(KeyServiceUnreachable, match=r'pip install "strongroom\[keyring\]"'):
            assert KeyringKey(MAIN).fingerprint


class TestANewRegistry:
    URI = "keyring:strongroom/main"

    def test_gets_its_key_and_says_where_it_is(
        self, os_keyring: MemoryKeyring, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with open_registry(url, key=self.URI) as registry:
            saver(registry)("lake", b"water")
        [text] = os_keyring.entries.values()
        said = capsys.readouterr().err
        assert "keyring, in the entry of user 'main' for service 'strongroom': keep a copy" in said
        assert text not in said
        with open_registry(url, key=self.URI) as registry:
            assert registry.get("lake").payload == b"water"
        assert [text] == list(os_keyring.entries.values())
        assert capsys.readouterr().err == ""

    def test_uses_a_key_that_is_there_and_never_replaces_it(self, os_keyring: MemoryKeyring, url: str) -> None:
        before = os_keyring.entries["strongroom", "main"] = new_key_text()
        open_registry(url, key=self.URI).close()
        assert os_keyring.entries["strongroom", "main"] == before

    def test_does_not_replace_something_that_is_no_key(self, os_keyring: MemoryKeyring, url: str) -> None:
        os_keyring.entries["strongroom", "main"] = "hunter"
        with pytest.raises(KeyMalformed):
            open_registry(url, key=self.URI)
        assert os_keyring.entries["strongroom", "main"] == "hunter"

    @pytest.mark.parametrize("failure", [KeyringLocked("locked"), PasswordSetError("no")])
    def test_is_not_made_where_the_keyring_says_no(
        self, os_keyring: MemoryKeyring, url: str, failure: Exception
    ) -> None:
        os_keyring.failure = failure
        with pytest.raises(KeyUnavailable):
            open_registry(url, key=self.URI)
        os_keyring.failure = None
        assert not os_keyring.entries
        open_registry(url, key=self.URI).close()

    def test_is_not_made_where_the_keyring_forgets(self, os_keyring: MemoryKeyring, url: str) -> None:
        os_keyring.forgets = True
        with pytest.raises(KeyUnavailable, match="does not have it now"):
            open_registry(url, key=self.URI)

    def test_one_that_exists_never_gets_a_new_key(self, os_keyring: MemoryKeyring, url: str) -> None:
        open_registry(url, key=self.URI).close()
        os_keyring.entries.clear()
        for workspace in (None, "team"):
            with pytest.raises(KeyAbsent):
                open_registry(url, key=self.URI, workspace=workspace)
        assert not os_keyring.entries

    def test_shows_no_key_in_what_an_error_holds(self, os_keyring: MemoryKeyring) -> None:
        class Refuses(MemoryKeyring):
            texts: list[str] = []  # noqa: RUF012

            def set_password(self, service: str, username: str, password: str) -> None:
                self.texts.append(password)
                raise PasswordSetError(f"cannot keep {password}")

        keyring.set_keyring(Refuses())
        with pytest.raises(KeyProblem) as caught:
            KeyringKey(MAIN).generate()
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert Refuses.texts[0] not in shown
        assert Refuses.texts[0].partition(":")[2] not in shown


class TestAnotherKey:
    """`strongroom keys rotate --level provider`, whose next key waits in an entry beside the present one."""

    URI = "keyring:strongroom/main"

    def test_takes_the_place_of_the_present_one_which_is_kept(self, os_keyring: MemoryKeyring, url: str) -> None:
        with open_registry(url, key=self.URI) as registry:
            saver(registry)("lake", b"water")
            former = KeyringKey(MAIN).fingerprint
            report = registry.rotate("provider")
            assert report.wraps is not None
            assert f"former-{former[:8]}" in str(report.wraps.former_key)
            assert saver(registry)("sea", b"salt")
        assert KeyringKey(MAIN).fingerprint != former
        assert set(os_keyring.entries) == {("strongroom", "main"), ("strongroom", f"main.former-{former[:8]}")}
        assert KeyringKey(KeyringEntry("strongroom", f"main.former-{former[:8]}")).fingerprint == former
        with open_registry(url, key=self.URI) as registry:
            assert registry.get("lake").payload == b"water"
            [wrap] = registry.keys()
            assert wrap.fingerprint == KeyringKey(MAIN).fingerprint
        with pytest.raises(WrongKey):
            open_registry(url, key=f"{self.URI}.former-{former[:8]}")

    @pytest.mark.parametrize("questions", range(13))
    def test_survives_a_keyring_that_fails_at_any_question(
        self, os_keyring: MemoryKeyring, url: str, questions: int
    ) -> None:
        with open_registry(url, key=self.URI) as registry:
            saver(registry)("lake", b"water")
            os_keyring.fails_after(questions, KeyringLocked("locked"))
            with suppress(KeyDenied):
                registry.rotate("provider")
            os_keyring.recover()
        with open_registry(url, key=self.URI) as registry:
            before = KeyringKey(MAIN).fingerprint
            registry.rotate("provider")
            assert registry.get("lake").payload == b"water"
        assert KeyringKey(MAIN).fingerprint != before
        assert ("strongroom", "main.new") not in os_keyring.entries
        open_registry(url, key=self.URI).close()


def process(url: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Opens the registry in a process of its own, that chooses its backend by the package's own setting."""
    code = "import sys; from strongroom_registry import open_registry; open_registry(sys.argv[1], key='keyring:a/b')"
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | variables
    return subprocess.run([sys.executable, "-c", code, url], env=here, capture_output=True, text=True)


def test_another_process_finds_the_backend_that_is_configured(url: str) -> None:
    done = process(url, PYTHON_KEYRING_BACKEND="servers.os_keyring.MemoryKeyring")
    assert done.returncode == 0, done.stderr
    assert "user 'b' for service 'a'" in done.stderr
    again = process(url, PYTHON_KEYRING_BACKEND="servers.os_keyring.MemoryKeyring")
    assert "KeyAbsent: The keyring has no entry of user 'b'" in again.stderr


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("keyring.backends.fail.Keyring", "This machine has no keyring"),
        ("keyrings.alt.file.PlaintextKeyring", "entries lie in a file"),
        ("no_such_module.Keyring", "could not be asked"),
    ],
)
def test_a_backend_that_will_not_do_leaves_no_store_with_a_key(url: str, backend: str, told: str) -> None:
    done = process(url, PYTHON_KEYRING_BACKEND=backend)
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]
    with pytest.raises(StrongroomError, match="never finished"):
        open_registry(url, create=False)
