"""Where results go, and what writes them: as options, policies and settings name it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strongroom_blocks.twins import function_twin

from strongroom.results.local_storage import LocalStorage
from strongroom.results.record_storage import Storage
from strongroom.serializers import Serializer, resolve


def configured(policy: Any) -> dict[str, Any]:
    """What a cache policy says of the store: its ``metadata_storage`` and ``lock_manager``, where it has them."""
    found: dict[str, Any] = {}
    if getattr(policy, "key_storage", None) is not None:
        place = policy.key_storage
        found["metadata_storage"] = resolve_result_storage(_folder(place) if isinstance(place, str) else place)
    if getattr(policy, "lock_manager", None) is not None:
        found["lock_manager"] = policy.lock_manager
    return found


def _folder(text: str) -> Path | str:
    """A text as a folder, unless it is a reference with its type: ``s3-bucket/lake``."""
    kind, slash, name = text.partition("/")
    return text if slash and kind and kind[0] not in ".~" and name and "/" not in name else Path(text).expanduser()


def resolve_result_storage(result_storage: Storage | str | Path | None) -> Storage:
    """Where results go: a block that stores objects, the reference of one, or a folder; the settings' for None.

    A text is a reference, but for one that begins with ``/``.
    """
    from strongroom.settings import get_settings

    place: Any = result_storage
    if place is None:
        settings = get_settings()
        place = settings.results_default_storage_block or settings.storage_path
    if isinstance(place, str) and place.startswith("/"):
        place = Path(place)
    if isinstance(place, str):
        from strongroom_blocks import Block

        place = Block.load(place)
    return LocalStorage(place) if isinstance(place, Path) else place


def resolve_serializer(serializer: Serializer | str) -> Serializer:
    """The serializer of a name, or the one that is given; raises :class:`~strongroom.errors.InvalidSerializer`."""
    return resolve(serializer)


def get_default_result_storage() -> Any:
    """The block that keeps results where nothing else is said: the settings', or a folder in the home."""
    from strongroom_blocks import Block
    from strongroom_blocks.types import LocalFolder

    from strongroom.settings import get_settings

    settings = get_settings()
    reference = settings.results_default_storage_block
    return LocalFolder(basepath=settings.storage_path) if reference is None else Block.load(reference)


aget_default_result_storage = function_twin(get_default_result_storage)


def get_default_result_serializer() -> Serializer:
    """What writes results where nothing else is said."""
    from strongroom.settings import get_settings

    return resolve(get_settings().results_default_serializer)
