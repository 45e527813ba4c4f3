from __future__ import annotations

import copy
import logging
import os
import pickle
import pty
import secrets
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry.errors import (
    EnvelopeUnsupported,
    InvalidKeyUri,
    KeyExposed,
    KeyMalformed,
    KeyProblem,
    KeyUnavailable,
    WrongKey,
)
from strongroom_registry.keys import (
    EnvKey,
    FileKey,
    KeyProvider,
    PassphraseKey,
    default_key_path,
    generate_key_file,
    resolve,
)
from strongroom_registry.keys.material import TEXT_LENGTH, key_from_text, new_key_text
from strongroom_registry.keys.passphrase import DEFAULT_COST, HIGHEST_COST, LOWEST_COST, Cost
from strongroom_registry.testing_keys import KeyProviderContract

KEY, CONTEXT = bytes(range(32)), b"context"


class TestFileKey(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _key_files(self, tmp_path: Path) -> None:
        self.paths = [generate_key_file(tmp_path / name).path for name in ("one.key", "other.key")]

    def make(self) -> KeyProvider:
        return FileKey(self.paths[0])

    def make_other(self) -> KeyProvider:
        return FileKey(self.paths[1])


class TestEnvKey(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("ONE_KEY", "OTHER_KEY"):
            monkeypatch.setenv(name, new_key_text())

    def make(self) -> KeyProvider:
        return EnvKey("ONE_KEY")

    def make_other(self) -> KeyProvider:
        return EnvKey("OTHER_KEY")


class TestPassphraseKey(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _passphrase_files(self, tmp_path: Path) -> None:
        for name in ("one", "other"):
            private(tmp_path / name, secrets.token_urlsafe().encode() + b"\n")
        self.folder = tmp_path

    def make(self) -> KeyProvider:
        return PassphraseKey(self.folder / "one", cost=LOWEST_COST)

    def make_other(self) -> KeyProvider:
        return PassphraseKey(self.folder / "other", cost=LOWEST_COST)


def private(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestKeyFiles:
    def test_a_new_key_file_is_for_its_owner_alone_whatever_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            key = generate_key_file(tmp_path / "config" / "keys" / "a.key")
        finally:
            os.umask(before)
        assert mode_of(key.path) == 0o600
        assert mode_of(key.path.parent) == mode_of(tmp_path / "config") == 0o700
        assert len(key.path.read_bytes()) == TEXT_LENGTH + 1
        assert resolve(key.uri).fingerprint_for(key.wrap(KEY, CONTEXT)) == key.fingerprint

    def test_a_key_file_is_never_overwritten(self, tmp_path: Path) -> None:
        path = generate_key_file(tmp_path / "a.key").path
        before = path.read_bytes()
        with pytest.raises(KeyUnavailable, match="never overwritten"):
            generate_key_file(path)
        assert path.read_bytes() == before

    def test_a_link_where_the_key_file_should_stand_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "a.key").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(KeyUnavailable, match="never overwritten"):
            generate_key_file(tmp_path / "a.key")
        assert not (tmp_path / "elsewhere").exists()

    def test_of_many_who_make_a_key_file_one_wins_and_the_others_are_told(self, tmp_path: Path) -> None:
        together = threading.Barrier(6)

        def attempt() -> bool:
            together.wait()
            try:
                generate_key_file(tmp_path / "a.key")
            except KeyUnavailable:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            won = [future.result() for future in [pool.submit(attempt) for _ in range(6)]]
        assert won.count(True) == 1
        assert FileKey(tmp_path / "a.key").fingerprint

    def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(KeyUnavailable, match=str(tmp_path)):
            generate_key_file(tmp_path / "file" / "keys" / "a.key")

    def test_a_disk_that_is_full_leaves_no_half_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(KeyUnavailable, match="No space left"):
            generate_key_file(tmp_path / "a.key")
        assert not (tmp_path / "a.key").exists()

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(KeyUnavailable, match=r"no key at .*/gone\.key"):
            assert FileKey(tmp_path / "gone.key").fingerprint

    def test_a_place_that_cannot_be_reached_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(KeyUnavailable, match="Not a directory"):
            assert FileKey(tmp_path / "file" / "a.key").fingerprint

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666, 0o777, 0o440])
    def test_a_key_that_others_may_use_is_refused_with_the_remedy(self, tmp_path: Path, mode: int) -> None:
        path = generate_key_file(tmp_path / "a.key").path
        path.chmod(mode)
        with pytest.raises(KeyExposed, match=f"chmod 600 {path}"):
            assert FileKey(path).fingerprint

    def test_a_key_that_its_owner_may_only_read_is_accepted(self, tmp_path: Path) -> None:
        path = generate_key_file(tmp_path / "a.key").path
        path.chmod(0o400)
        assert FileKey(path).fingerprint

    def test_a_key_of_another_user_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = generate_key_file(tmp_path / "a.key").path
        if os.geteuid() == 0:
            os.chown(path, 12345, 12345)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 12345)
        with pytest.raises(KeyExposed, match="belongs to user"):
            assert FileKey(path).fingerprint

    def test_a_symbolic_link_is_refused(self, tmp_path: Path) -> None:
        path = generate_key_file(tmp_path / "a.key").path
        (tmp_path / "link").symlink_to(path)
        with pytest.raises(KeyExposed, match="symbolic link"):
            assert FileKey(tmp_path / "link").fingerprint

    def test_a_folder_a_pipe_and_a_device_are_refused_at_once(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe", 0o600)
        for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
            with pytest.raises(KeyMalformed, match="no ordinary file"):
                assert FileKey(path).fingerprint

    def test_a_very_large_file_is_not_read_whole(self, tmp_path: Path) -> None:
        path = private(tmp_path / "a.key", b"")
        os.truncate(path, 2**40)
        with pytest.raises(KeyMalformed):
            assert FileKey(path).fingerprint

    def test_the_file_is_read_once(self, tmp_path: Path) -> None:
        key = generate_key_file(tmp_path / "a.key")
        wrapped = key.wrap(KEY, CONTEXT)
        key.path.unlink()
        assert key.unwrap(wrapped, CONTEXT) == KEY

    def test_a_key_moves_from_a_file_to_a_variable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        key = generate_key_file(tmp_path / "a.key")
        monkeypatch.setenv("A_KEY", key.path.read_text())
        assert EnvKey("A_KEY").unwrap(key.wrap(KEY, CONTEXT), CONTEXT) == KEY

    def test_the_default_place_is_below_the_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = UUID(int=7)
        assert default_key_path(store) == tmp_path / "config" / "strongroom" / "keys" / f"{store}.key"
        monkeypatch.setenv("HOME", str(tmp_path))
        for no_place in ("", "relative"):
            monkeypatch.setenv("XDG_CONFIG_HOME", no_place)
            assert default_key_path(store) == tmp_path / ".config" / "strongroom" / "keys" / f"{store}.key"


class TestKeyTexts:
    def test_no_two_new_keys_are_the_same(self) -> None:
        assert len({new_key_text() for _ in range(100)}) == 100

    @given(st.binary(max_size=100))
    def test_bytes_that_are_no_key_are_refused(self, text: bytes) -> None:
        with pytest.raises(KeyMalformed, match="the place"):
            key_from_text(text, "the place")

    @given(st.integers(0, TEXT_LENGTH - 1), st.integers(0, 255))
    def test_a_changed_character_is_refused_or_gives_another_key(self, place: int, character: int) -> None:
        text = new_key_text().encode()
        changed = text[:place] + bytes([character]) + text[place + 1 :]
        try:
            assert (key_from_text(changed, "") == key_from_text(text, "")) == (changed == text)
        except KeyMalformed:
            assert changed != text


class TestEnvironment:
    @pytest.mark.parametrize("value", [None, ""])
    def test_a_variable_that_is_not_set_is_named(self, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
        monkeypatch.delenv("NO_KEY", raising=False)
        if value is not None:
            monkeypatch.setenv("NO_KEY", value)
        with pytest.raises(KeyUnavailable, match="NO_KEY"):
            assert EnvKey("NO_KEY").fingerprint

    def test_a_variable_that_holds_no_key_is_named_and_its_value_is_not(
        self, monkeypatch: pytest.MonkeyPatch, canary: Plant
    ) -> None:
        value = canary("variable")
        monkeypatch.setenv("BAD_KEY", value)
        with pytest.raises(KeyMalformed, match="BAD_KEY") as caught:
            assert EnvKey("BAD_KEY").fingerprint
        assert value not in str(caught.value)


def by_variable(monkeypatch: pytest.MonkeyPatch, passphrase: str, cost: Cost = LOWEST_COST) -> PassphraseKey:
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", passphrase)
    return PassphraseKey(cost=cost)


def with_cost(wrapped: bytes, cost: Cost) -> bytes:
    return wrapped[:24] + b"".join(part.to_bytes(4, "big") for part in cost) + wrapped[36:]


class TestPassphrases:
    def test_the_default_cost_is_the_second_recommendation_of_rfc_9106(self, monkeypatch: pytest.MonkeyPatch) -> None:
        key = by_variable(monkeypatch, "a passphrase", DEFAULT_COST)
        wrapped = key.wrap(KEY, CONTEXT)
        assert wrapped[24:36] == b"".join(part.to_bytes(4, "big") for part in (65536, 3, 4))
        assert by_variable(monkeypatch, "a passphrase").unwrap(wrapped, CONTEXT) == KEY

    def test_another_passphrase_has_another_fingerprint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        key = by_variable(monkeypatch, "a passphrase")
        wrapped = key.wrap(KEY, CONTEXT)
        assert by_variable(monkeypatch, "a passphrase").fingerprint_for(wrapped) == key.fingerprint_for(wrapped)
        assert by_variable(monkeypatch, "a passphrasf").fingerprint_for(wrapped) != key.fingerprint_for(wrapped)

    def test_the_same_passphrase_shows_in_no_two_registries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        key = by_variable(monkeypatch, "a passphrase")
        assert key.fingerprint_for(key.wrap(KEY, CONTEXT)) != key.fingerprint_for(key.wrap(KEY, CONTEXT))

    @pytest.mark.parametrize("part", [0, 1, 2])
    def test_costs_outside_of_the_caps_are_refused_before_the_passphrase_is_asked_for(
        self, monkeypatch: pytest.MonkeyPatch, part: int
    ) -> None:
        wrapped = by_variable(monkeypatch, "a passphrase").wrap(KEY, CONTEXT)
        monkeypatch.delenv("STRONGROOM_PASSPHRASE")
        for cost in (LOWEST_COST[part] - 1, HIGHEST_COST[part] + 1, 2**32 - 1):
            changed = with_cost(wrapped, Cost(*(*LOWEST_COST[:part], cost, *LOWEST_COST[part + 1 :])))
            with pytest.raises(EnvelopeUnsupported, match="Argon2id"):
                PassphraseKey().unwrap(changed, CONTEXT)

    @pytest.mark.parametrize("passphrase", ["", "seven..", "x" * 1025, "ééé", "lone \udcff surrogate"])
    def test_a_passphrase_that_is_too_short_too_long_or_no_text_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, passphrase: str
    ) -> None:
        with pytest.raises(KeyMalformed, match="passphrase is"):
            by_variable(monkeypatch, passphrase).wrap(KEY, CONTEXT)

    def test_one_newline_at_the_end_of_a_file_is_no_part_of_the_passphrase(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        wrapped = by_variable(monkeypatch, "a passphrase").wrap(KEY, CONTEXT)
        path = private(tmp_path / "passphrase", b"a passphrase\n")
        assert PassphraseKey(path).unwrap(wrapped, CONTEXT) == KEY

    def test_a_passphrase_file_is_held_to_the_rules_of_key_files(self, tmp_path: Path) -> None:
        path = private(tmp_path / "passphrase", b"a passphrase\n")
        path.chmod(0o644)
        with pytest.raises(KeyExposed):
            PassphraseKey(path).wrap(KEY, CONTEXT)

    def test_without_a_terminal_nobody_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with open(os.devnull) as nothing:
            monkeypatch.setattr(sys, "stdin", nothing)
            with pytest.raises(KeyUnavailable, match="STRONGROOM_PASSPHRASE"):
                PassphraseKey().wrap(KEY, CONTEXT)

    def test_memory_that_cannot_be_had_is_an_error_that_says_how_much(self) -> None:
        limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n{STRETCHING}"
        variables = {**os.environ, "STRONGROOM_PASSPHRASE": "a passphrase"}
        shown = subprocess.run(
            [sys.executable, "-c", limited], capture_output=True, text=True, env=variables, check=True
        )
        assert "takes 512 MiB of memory" in shown.stdout

    def test_on_a_terminal_a_new_passphrase_is_asked_for_twice_and_not_echoed(self) -> None:
        shown = on_a_terminal("typed by hand", "typed by hand")
        assert "opens: True" in shown
        assert "typed" not in shown

    def test_on_a_terminal_two_different_passphrases_are_refused(self) -> None:
        shown = on_a_terminal("typed by hand", "typed by foot")
        assert "The two passphrases differ." in shown
        assert "typed" not in shown


STRETCHING = """
from strongroom_registry.keys.passphrase import HIGHEST_COST, PassphraseKey
try:
    PassphraseKey(cost=HIGHEST_COST).wrap(bytes(32), b"")
except Exception as error:
    print(error)
"""
ASKING = """
import traceback
from strongroom_registry.keys.passphrase import LOWEST_COST, PassphraseKey
key = PassphraseKey(cost=LOWEST_COST)
try:
    print("opens:", key.unwrap(key.wrap(bytes(32), b""), b"") == bytes(32))
except Exception as error:
    print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
"""


def on_a_terminal(*lines: str) -> str:
    """What a process shows that asks for a passphrase on a real terminal, when these lines are typed one by one."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", ASKING])
    shown = b""
    for line in lines:
        asked = shown.count(b": ")
        while shown.count(b": ") == asked:
            shown += os.read(terminal, 1024)
        os.write(terminal, line.encode() + b"\n")
    try:
        while chunk := os.read(terminal, 1024):
            shown += chunk
    except OSError:  # the way in which Linux says that the other side is gone
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    return shown.decode()


class TestUris:
    def test_each_scheme_gives_its_provider(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        for uri in (f"file:{tmp_path}/a.key", f"file://{tmp_path}/a.key", "file:~/a.key", "file:a.key", "file:./a.key"):
            assert resolve(uri).uri == f"file:{tmp_path}/a.key"
        assert resolve("env:A_KEY").uri == "env:A_KEY"
        assert resolve("passphrase:").uri == "passphrase:"
        assert resolve(f"passphrase:file={tmp_path}/p").uri == f"passphrase:file={tmp_path}/p"

    @pytest.mark.parametrize(
        "uri",
        [
            *("", "file:", "file://", "file://host/path", "file:a\0b", "file:\udcff"),
            *("env:", "env:1A", "env:A-B", "env: A", "passphrase:file=", "passphrase:file"),
            *("/a/path", "FILE:/a", "nosuch:thing", ":", "a b:c", "=:"),
        ],
    )
    def test_a_uri_that_names_no_key_is_refused(self, uri: str) -> None:
        with pytest.raises(InvalidKeyUri):
            resolve(uri)

    def test_an_unknown_scheme_is_told_which_are_known(self) -> None:
        with pytest.raises(InvalidKeyUri, match=r"'nosuch:'.*env, file, .*keyring, passphrase"):
            resolve("nosuch:thing")

    def test_a_secret_given_in_the_place_of_a_uri_is_not_repeated(self, canary: Plant) -> None:
        secret = canary("key")
        for uri in (secret, f"env:{secret}!", f"passphrase:{secret}", f"nosuch:{secret}", f"{secret}:{secret}"):
            with pytest.raises(InvalidKeyUri) as caught:
                resolve(uri)
            assert secret not in str(caught.value)

    @pytest.mark.parametrize("scheme", ["file:", "env:", "passphrase:file=", "file:./"])
    def test_a_key_given_in_the_place_of_a_path_makes_no_file_of_its_name(self, scheme: str) -> None:
        text = new_key_text()
        with pytest.raises(InvalidKeyUri, match="A key stands where its place is asked for") as caught:
            resolve(scheme + text)
        assert text not in str(caught.value)

    def test_a_key_given_in_the_place_of_a_uri_is_recognised(self) -> None:
        text = new_key_text()
        with pytest.raises(InvalidKeyUri, match="A key stands where its place is asked for") as caught:
            resolve(text)
        assert text[18:] not in str(caught.value)

    def test_another_distribution_can_bring_a_scheme(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        info = tmp_path / "acme_keys-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-keys\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[strongroom.key_providers]\nacme = acme_keys:provider\n")
        code = "from strongroom_registry.keys import EnvKey\nprovider = lambda uri: EnvKey(uri.partition(':')[2])\n"
        (tmp_path / "acme_keys.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        assert resolve("acme:A_KEY").uri == "env:A_KEY"
        with pytest.raises(InvalidKeyUri, match=r"Use one of acme, .*env, file, .*keyring, passphrase"):
            resolve("nosuch:thing")


@pytest.fixture
def used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[KeyProvider, str]]:
    """A provider of each kind that has read its key, with what must never show."""
    text, phrase = new_key_text(), secrets.token_urlsafe()
    monkeypatch.setenv("A_KEY", text)
    file, env = FileKey(private(tmp_path / "a.key", text.encode())), EnvKey("A_KEY")
    passphrase = by_variable(monkeypatch, phrase)
    for provider in (file, env, passphrase):
        provider.wrap(KEY, CONTEXT)
    return [(file, text[18:]), (env, text[18:]), (passphrase, phrase)]


def test_providers_never_show_their_keys(used: list[tuple[KeyProvider, str]], caplog: pytest.LogCaptureFixture) -> None:
    for provider, secret in used:
        logging.getLogger("strongroom").warning("%s %r", provider, vars(provider))
        shown = [repr(provider), str(provider), repr(vars(provider)), caplog.text]
        for text in shown:
            assert secret not in text
            if len(secret) == 64:
                assert repr(bytes.fromhex(secret))[2:-1] not in text


@pytest.mark.parametrize("attempt", [pickle.dumps, copy.deepcopy])
def test_a_provider_that_holds_its_key_can_neither_be_pickled_nor_copied(
    used: list[tuple[KeyProvider, str]], attempt: Callable[[object], object]
) -> None:
    for provider, _ in used:
        with pytest.raises(TypeError, match="cannot be pickled"):
            attempt(provider)


def test_a_key_and_a_passphrase_do_not_open_each_others_work(used: list[tuple[KeyProvider, str]]) -> None:
    file, passphrase = used[0][0], used[2][0]
    with pytest.raises(WrongKey, match="with a key"):
        passphrase.unwrap(file.wrap(KEY, CONTEXT), CONTEXT)
    with pytest.raises(WrongKey, match="with a passphrase"):
        file.unwrap(passphrase.wrap(KEY, CONTEXT), CONTEXT)


def test_no_traceback_of_a_refusal_holds_a_key_even_with_the_variables_of_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearly, short = new_key_text()[:-1] + "g", secrets.token_hex(3)
    monkeypatch.setenv("A_KEY", nearly)
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", short)
    private(tmp_path / "a.key", nearly.encode())
    private(tmp_path / "passphrase", short.encode())
    for provider in (
        EnvKey("A_KEY"),
        FileKey(tmp_path / "a.key"),
        PassphraseKey(),
        PassphraseKey(tmp_path / "passphrase"),
    ):
        trace = trace_of_wrapping(provider)
        assert nearly[18:] not in trace
        assert short not in trace


def trace_of_wrapping(provider: KeyProvider) -> str:
    with pytest.raises(KeyProblem) as caught:
        provider.wrap(KEY, CONTEXT)
    return "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
