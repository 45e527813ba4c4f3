"""Secrets in git's history, in repositories made by git itself."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from absent import absent
from strongroom.errors import ScanProblem
from strongroom.scanning import Finding, Scan, Sought, ValueMatcher
from strongroom.scanning.history import MESSAGE, scan_history
from strongroom.scanning.matcher import Owner

OWNER = Owner("prod-crm@1", "token")
SECRET = secrets.token_urlsafe(24)
Git = Callable[..., str]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _has_git() -> None:
    if shutil.which("git") is None:
        absent("git is not installed")


@pytest.fixture
def git(repository: Path) -> Git:
    who = {f"GIT_{role}_{what}": "t" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(repository)}

    def run(*words: str) -> str:
        command = ["git", "-C", str(repository), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()

    run("init", "-q", "-b", "main")
    return run


@pytest.fixture
def commit(repository: Path, git: Git) -> Git:
    def make(message: str, **files: str | None) -> str:
        for name, content in files.items():
            path = repository / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_text(content)
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", message)
        return git("rev-parse", "HEAD")

    return make


def scanned(folder: Path) -> Scan:
    scan = Scan()
    scan_history(folder, ValueMatcher([Sought(SECRET, (OWNER,))]), scan, done=set())
    return scan


def finding(path: str, line: int, commit: str | None, form: str = "raw") -> Finding:
    return Finding(OWNER, path, line, form, commit)


def test_a_file_that_was_deleted_long_ago_is_found_with_its_commit(repository: Path, git: Git, commit: Git) -> None:
    commit("first", readme="nothing\n")
    brought = commit("settings", conf__app="a = 1\n" + f"token = {SECRET}\n")
    commit("oops", conf__app=None)
    commit("more", readme="still nothing\n")
    scan = scanned(repository)
    assert scan.found == [finding("conf/app", 2, brought)]
    assert scan.unread == []
    assert scan.objects == 4 + 3  # commits and blobs


def test_the_oldest_commit_of_a_file_that_comes_and_goes(repository: Path, git: Git, commit: Git) -> None:
    content = f"token = {SECRET}\n"
    brought = commit("one", first=content)
    commit("two", first=None)
    commit("three", second=content)
    assert scanned(repository).found == [finding("first", 1, brought)]


def test_branches_tags_stashes_and_reflogs_are_reached(repository: Path, git: Git, commit: Git) -> None:
    commit("first", readme="nothing\n")
    git("checkout", "-q", "-b", "side")
    on_a_branch = commit("side", side=f"1 {SECRET}")
    git("checkout", "-q", "main")
    dropped = commit("to be dropped", dropped=f"2 {SECRET}")
    git("reset", "-q", "--hard", "HEAD~1")
    git("tag", "-a", "v1", "-m", f"tagged with {SECRET}")
    (repository / "readme").write_text(f"3 {SECRET}")
    git("stash", "-q")
    found = scanned(repository).found
    assert finding("side", 1, on_a_branch) in found
    assert finding("dropped", 1, dropped) in found
    assert {place.path for place in found} == {"side", "dropped", "readme", MESSAGE}


def test_messages_of_commits_are_searched(repository: Path, commit: Git) -> None:
    made = commit(f"log in with {SECRET}", readme="x")
    (found,) = scanned(repository).found
    assert (found.path, found.commit) == (MESSAGE, made)


def test_what_only_a_merge_brought_is_found(repository: Path, git: Git, commit: Git) -> None:
    commit("base", readme="base\n")
    git("checkout", "-q", "-b", "side")
    commit("side", side="x")
    git("checkout", "-q", "main")
    commit("main", main="y")
    git("merge", "-q", "--no-ff", "--no-commit", "side")
    merged = commit("merge", evil=f"{SECRET}\n")
    assert scanned(repository).found == [finding("evil", 1, merged)]


@pytest.mark.parametrize("name", ["with space", "ünï", 'quo"te', "-dash"])
def test_odd_names_are_told(repository: Path, commit: Git, name: str) -> None:
    made = commit("odd", **{name: SECRET})
    (found,) = scanned(repository).found
    assert found.commit == made
    assert name.replace('"', '\\"') in found.path


def test_binary_and_large_files_are_searched(repository: Path, git: Git, commit: Git) -> None:
    (repository / "large").write_bytes(os.urandom(3 << 20) + SECRET.encode() + b"\0" * 100)
    made = commit("large")
    (found,) = scanned(repository).found
    assert (found.path, found.commit) == ("large", made)


def test_a_subfolder_and_a_file_belong_to_their_repository_which_is_searched_once(
    repository: Path, git: Git, commit: Git
) -> None:
    commit("one", conf__app=SECRET)
    scan, done = Scan(), set[str]()
    for place in (repository, repository / "conf", repository / "conf" / "app"):
        scan_history(place, ValueMatcher([Sought(SECRET, (OWNER,))]), scan, done=done)
    assert len(scan.found) == 1


def test_a_bare_and_an_empty_repository(repository: Path, git: Git, commit: Git, tmp_path: Path) -> None:
    assert scanned(repository).objects == 0
    commit("one", app=SECRET)
    git("clone", "-q", "--bare", str(repository), str(tmp_path / "bare.git"))
    assert [place.path for place in scanned(tmp_path / "bare.git").found] == ["app"]


def test_no_repository_and_no_git_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("GIT_DIR", str(tmp_path))  # of no consequence: the caller's place counts
    with pytest.raises(ScanProblem, match="no git repository"):
        scanned(tmp_path / "plain")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ScanProblem, match="git is not installed"):
        scanned(tmp_path / "plain")


def test_a_repository_that_lacks_objects_is_told(repository: Path, git: Git, commit: Git) -> None:
    commit("one", app="harmless\n")
    blob = git("rev-parse", "HEAD:app")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    try:
        unread = scanned(repository).unread
    except ScanProblem:
        return
    assert [skipped.what for skipped in unread] == [f"object {blob}"]


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves ``sprung`` behind when it runs."""
    path = tmp_path / "trap.sh"
    path.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    path.chmod(0o755)
    return path


def test_nothing_that_the_repository_names_runs(repository: Path, git: Git, commit: Git, trap: Path) -> None:
    commit("one", **{"app": SECRET, ".gitattributes": "* diff=evil filter=evil\n"})
    keys = (
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "filter.evil.smudge",
        "core.fsmonitor",
        "core.pager",
    )
    for key in keys:
        git("config", key, str(trap))
    assert scanned(repository).found
    assert not (trap.parent / "sprung").exists()


def test_nothing_is_fetched(repository: Path, git: Git, commit: Git, trap: Path) -> None:
    """A partial clone fetches what it lacks, by a program that its own configuration names."""
    commit("one", app=SECRET)
    blob = git("rev-parse", "HEAD:app")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for key, value in {
        "core.repositoryformatversion": "1", "extensions.partialClone": "origin", "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://nowhere.test/x", "core.sshCommand": str(trap), "protocol.ssh.allow": "always",
    }.items():  # fmt: skip
        git("config", key, value)
    with suppress(subprocess.CalledProcessError):
        git("cat-file", "blob", blob)
    assert (trap.parent / "sprung").exists()  # so it would be
    (trap.parent / "sprung").unlink()
    with suppress(ScanProblem):
        scanned(repository)
    assert not (trap.parent / "sprung").exists()


def test_no_signature_is_checked(repository: Path, git: Git, commit: Git, trap: Path) -> None:
    commit("one", app=SECRET)
    head, _, message = git("cat-file", "commit", "HEAD").partition("\n\n")
    signed = trap.parent / "signed"
    signed.write_text(
        f"{head}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n{message}\n"
    )
    git("update-ref", "refs/heads/signed", git("hash-object", "-t", "commit", "-w", str(signed)))
    git("config", "gpg.program", str(trap))
    git("config", "log.showSignature", "true")
    git("log", "--all")
    assert (trap.parent / "sprung").exists()  # so it would be
    (trap.parent / "sprung").unlink()
    assert scanned(repository).found
    assert not (trap.parent / "sprung").exists()
