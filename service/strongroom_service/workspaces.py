"""The workspaces of a registry that is served: opened when they are first asked for, over one store."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

from strongroom_registry import Registry, remove_workspace
from strongroom_registry.document import check_name
from strongroom_registry.errors import NameTaken, StrongroomError, UnknownWorkspace
from strongroom_registry.opening import Opening
from strongroom_registry.settings import RegistrySettings
from strongroom_registry.stores import open_store

from strongroom_service.errors import CannotServe
from strongroom_service.state.directory import WORKSPACE

_ACTOR = "strongroom-service"
_OF_MOUNTS = "vault."


class Workspaces:
    """The workspaces that the server's key opens, but for its own.

    :param settings: where the registry lies and which key opens it.
    :param create: whether to make a registry where there is none.
    :raises KeyProblem, StoreProblem: as :func:`~strongroom_registry.open_registry`.
    :raises CannotServe: its workspace is that of the service itself.
    """

    def __init__(self, settings: RegistrySettings, *, create: bool = True) -> None:
        if settings.workspace == WORKSPACE:
            raise CannotServe(
                f"The workspace {WORKSPACE} is the service's own, and not served.",
                "Set STRONGROOM_WORKSPACE to another.",
            )
        self._settings = settings
        self._store = open_store(settings.url, create=create)
        self._lock = Lock()
        self._opened: dict[str, Registry] = {}
        try:
            self._opened[settings.workspace] = self._opening(settings.workspace, create=create).registry()
            self.own = self._own()
        except BaseException:
            self._store.close()
            raise

    @property
    def url(self) -> str:
        """Where the registry lies."""
        return self._settings.url

    @property
    def waits_for_disks_alone(self) -> bool:
        """Whether what is read lies in files of this machine, the anchors too."""
        return self.url.startswith(("sqlite:", "memory:")) and (self._settings.anchor or "file:").startswith("file:")

    def registry(self, name: str) -> Registry:
        """A workspace. Whoever hands it out has asked a policy before.

        :raises UnknownWorkspace: there is none that the server's key opens, or it is the service's own.
        """
        opened = self._opened.get(name)
        if opened is not None:
            return opened
        if name == WORKSPACE:
            raise _unknown(name)
        with self._lock:
            if name not in self._opened:
                try:
                    self._opened[name] = self._opening(name).registry()
                except UnknownWorkspace:
                    raise _unknown(name) from None
            return self._opened[name]

    def is_opened(self, name: str) -> bool:
        """Whether :meth:`registry` has it at hand."""
        return name in self._opened

    def names(self) -> list[str]:
        """The names of those that are there, sorted. Raises what opening them raises."""
        found = self._opening(self._settings.workspace).mine()
        return sorted(mine.row.name for mine in found if mine.row.name != WORKSPACE)

    def add(self, name: str) -> Registry:
        """Make a workspace.

        :raises InvalidReference: the name is none.
        :raises NameTaken: there is one.
        """
        self._opening(name).add(None)
        return self.registry(name)

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a workspace with all that belongs to it, for good. Raises as
        :func:`~strongroom_registry.remove_workspace`."""
        self.registry(name)
        with self._lock:
            remove_workspace(
                name, self._settings.url, key=self._settings.key, anchor=self._settings.anchor, force=force
            )
            self._opened.pop(name, None)

    def check_writable(self) -> None:
        """Try whether the registry, and with it its audit, can be written. Nothing is.

        :raises StoreProblem: it cannot.
        """
        with suppress(_Undone), self._store.writing() as transaction:
            transaction.workspaces()
            raise _Undone

    def write_back(self) -> None:
        """Tidy up behind what was written at once, where the store is a file. Raises StoreProblem."""
        self._store.write_back()

    def close(self) -> None:
        """Write what their audits still have to say, and let go of the store."""
        for registry in (*self._opened.values(), self.own):
            registry.close()

    def _own(self) -> Registry:
        try:
            return self._opening(WORKSPACE).registry()
        except UnknownWorkspace:
            pass
        with suppress(NameTaken):  # another process of the service was faster
            self._opening(WORKSPACE).add(None)
        return self._opening(WORKSPACE).registry()

    def _opening(self, name: str, *, create: bool = False) -> Opening:
        settings = self._settings
        return Opening(
            self._store,
            key=settings.key,
            workspace=check_name(name),
            actor=settings.actor or _ACTOR,
            create=create,
            anchor=settings.anchor,
        )


def workspace_of_mount(accessor: str) -> str:
    """The name of the workspace that a mount of Vault's API keeps its things in; that of another never has it."""
    return f"{_OF_MOUNTS}{accessor}"


def is_of_mount(workspace: str) -> bool:
    """Whether a workspace belongs to a mount, by its name, which no other one has."""
    return workspace.startswith(_OF_MOUNTS)


class _Undone(Exception):
    """Ends a transaction that was for trying alone."""


def _unknown(name: str) -> StrongroomError:
    return UnknownWorkspace(f"There is no workspace {name!r:.140}.", "See `strongroom workspace ls`.")
