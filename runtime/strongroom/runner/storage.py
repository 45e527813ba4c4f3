"""Where the code of flows comes from: a git repository, or a local folder.

Names and parameters are those that Prefect 3 documents under "Retrieve code from storage".
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from strongroom_blocks.redaction import redactor

from strongroom.errors import SourceUnavailable

_SCP = re.compile(r"^[\w.-]+@[\w.-]+:")
_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}")
PATIENCE_SECONDS = 600


class Source(Protocol):
    """Where code comes from. A source can be pickled, to travel to the process of a run."""

    def pull_code(self, folder: Path) -> Path:
        """Bring the code below ``folder``, which is empty, or say where it lies already; gives that place.

        Raises :class:`~strongroom.errors.SourceUnavailable`.
        """


@dataclass(frozen=True)
class LocalStorage:
    """A folder of this machine. Its code is used where it lies."""

    path: str

    def pull_code(self, folder: Path) -> Path:
        """The folder itself."""
        place = Path(self.path)
        if not place.is_dir():
            raise SourceUnavailable(f"There is no folder {place}.", "Run where the folder of the flow is.")
        return place

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class GitRepository:
    """A git repository, whose code is cloned with the ``git`` of the machine for each run.

    :param url: what ``git clone`` takes.
    :param credentials: of a private one that is reached by HTTPS: ``{"access_token": …}``, with ``username`` where
        the host wants one; values are texts or ``Secret`` blocks. Or a block that has such fields.
    :param branch: the branch, or tag, in place of the default branch.
    :param commit_sha: a commit, in place of a branch.
    :param include_submodules: whether submodules are cloned too.
    :param directories: the folders that are wanted, where not all are.
    :param name: what people read; made from the URL where none is given.
    """

    url: str
    credentials: Any = field(default=None, repr=False)
    name: str | None = None
    branch: str | None = None
    commit_sha: str | None = None
    include_submodules: bool = False
    directories: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.branch and self.commit_sha:
            raise SourceUnavailable("A repository has a branch and a commit_sha.", "Give one of them.")
        for what, given in (("url", self.url), ("branch", self.branch), ("commit_sha", self.commit_sha)):
            if given is not None and (not given or given.startswith("-")):
                raise SourceUnavailable(f"The {what} of a repository is {given!r:.80}.", "Give what git knows it by.")
        if self.commit_sha and not _COMMIT.fullmatch(self.commit_sha):
            raise SourceUnavailable(f"{self.commit_sha!r:.80} is no commit.", "Give its hash in hexadecimal digits.")

    def pull_code(self, folder: Path) -> Path:
        """Clone it below ``folder``."""
        if shutil.which("git") is None:
            raise SourceUnavailable("There is no git on this machine.", "Install git, or use a local folder.")
        target = folder / "code"
        options = ["--recurse-submodules"] if self.include_submodules else []
        options += ["--sparse"] if self.directories else []
        if self.commit_sha:
            self._git("clone", "--quiet", "--no-checkout", *options, "--", self.url, str(target))
        else:
            options += ["--branch", self.branch] if self.branch else []
            self._git("clone", "--quiet", "--depth", "1", *options, "--", self.url, str(target))
        if self.directories:
            self._git("-C", str(target), "sparse-checkout", "set", "--", *self.directories)
        if self.commit_sha:
            self._git("-C", str(target), "checkout", "--quiet", self.commit_sha)
            if self.include_submodules:
                self._git("-C", str(target), "submodule", "update", "--init", "--recursive", "--quiet")
        return target

    def _git(self, *arguments: str) -> None:
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **self._login()}
        try:
            subprocess.run(
                ["git", *arguments],
                capture_output=True,
                text=True,
                check=True,
                timeout=PATIENCE_SECONDS,
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            why = f"git took longer than {PATIENCE_SECONDS} s"
        except subprocess.CalledProcessError as error:
            lines = [line for line in error.stderr.splitlines() if line.strip()]
            why = redactor.redact(lines[-1] if lines else "git failed")
        else:
            return
        raise SourceUnavailable(
            f"The repository {self} cannot be cloned: {why}.", "Look at its URL, branch and credentials."
        ) from None

    def _login(self) -> dict[str, str]:
        """Git's settings as variables of its process, which no list of processes shows and no clone keeps."""
        given = self.credentials
        if given is None:
            return {}
        names = ("access_token", "token", "password")
        token = next((found for name in names if (found := _plain(_member(given, name)))), "")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not token:
            raise SourceUnavailable(
                f"The credentials of {self} are of no use.", "Give an access_token, with a URL that begins with https."
            )
        redactor.register(token)
        login = f"{_plain(_member(given, 'username')) or 'oauth2'}:{token}"
        header = f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"
        redactor.register(header)
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
        return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"http.{place}.extraHeader", "GIT_CONFIG_VALUE_0": header}

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.scheme else self.url
        which = self.branch or self.commit_sha
        return self.name or (f"{shown} ({which})" if which else shown)


def source_of(given: str | Path | Source) -> Source:
    """The source that a text or path means; raises :class:`~strongroom.errors.SourceUnavailable` for others."""
    if isinstance(given, Path):
        return LocalStorage(str(given.expanduser().absolute()))
    if not isinstance(given, str):
        if hasattr(given, "pull_code"):
            return given
        raise SourceUnavailable(
            f"A {type(given).__name__} is no source of code that is supported.",
            "Use a local folder, the URL of a git repository, or GitRepository(…).",
        )
    scheme = urlsplit(given).scheme
    if given.endswith(".git") or scheme in ("http", "https", "ssh", "git") or _SCP.match(given):
        return GitRepository(given)
    if scheme == "file":
        return GitRepository(given) if (Path(urlsplit(given).path) / ".git").exists() else source_of(given[7:])
    if scheme and "://" in given:
        raise SourceUnavailable(
            f"Code is not fetched from {scheme}://.", "Use a local folder, or the URL of a git repository."
        )
    return source_of(Path(given))


def _member(credentials: Any, name: str) -> Any:
    return credentials.get(name) if isinstance(credentials, Mapping) else getattr(credentials, name, None)


def _plain(value: Any) -> str:
    for method in ("get", "get_secret_value"):
        if hasattr(value, method):
            value = getattr(value, method)()
    return "" if value is None else str(value)
