"""BucketChanges: objects that are deleted, copied and moved inside the service."""

# mypy: disable-error-code="misc"
from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from strongroom import async_twin

from strongroom_gcp.conditions import Conditions
from strongroom_gcp.deletions import delete
from strongroom_gcp.patience import asking
from strongroom_gcp.reloading import reloading
from strongroom_gcp.storage_faults import asked, changed

if TYPE_CHECKING:
    from strongroom_gcp.bucket import GcsBucket


class BucketChanges:
    """Mixed into :class:`~strongroom_gcp.bucket.GcsBucket`."""

    def delete_objects(self: GcsBucket, paths: Iterable[str]) -> list[str]:
        """Delete objects, several at a time; a missing one is no error. Returns the keys asked for."""
        names = [self._key(path) for path in paths]
        self._delete(names)
        return [self._relative(name) for name in names]

    adelete_objects: ClassVar = async_twin(delete_objects)

    @reloading
    def _delete(self: GcsBucket, names: list[str]) -> None:
        delete(self._storage.client, self.bucket, names, self.max_concurrency)

    @reloading
    def copy_object(
        self: GcsBucket,
        from_path: str,
        to_path: str,
        to_bucket: GcsBucket | None = None,
        **conditions: Unpack[Conditions],
    ) -> str:
        """Copy inside the service, whatever the size, with its metadata; returns the new key.

        :param to_bucket: another bucket, whose login must be allowed to read this one too; where it is not, see
            :meth:`stream_from`.
        :param conditions: what the new object's place has to be.
        :raises ObjectNotFound: there is nothing to copy.
        """
        target = to_bucket or self
        source_name, name = self._key(from_path), target._key(to_path)
        asked(self.bucket, source_name, lambda: self._copy(source_name, target, name, None, conditions))
        return target._relative(name)

    acopy_object: ClassVar = async_twin(copy_object)

    def _copy(
        self: GcsBucket, source: str, target: GcsBucket, name: str, generation: int | None, only: Conditions
    ) -> Any:
        client = target._storage.client
        blob: Any = client.bucket(self.bucket).blob(source, generation=generation)
        new: Any = client.bucket(target.bucket).blob(name)
        if (self.bucket, source, generation) == (target.bucket, name, None):
            blob.reload(**asking())
            return blob
        token: str | None = None
        while True:
            token, _, _ = new.rewrite(blob, token=token, **asking(), **only)
            if token is None:
                return new

    def move_object(self: GcsBucket, from_path: str, to_path: str, to_bucket: GcsBucket | None = None) -> str:
        """Copy as :meth:`copy_object` does, then delete the original; returns the new key.

        :raises ObjectChanged: the original was replaced meanwhile, and so is there still.
        """
        target = to_bucket or self
        entry = self.stat_object(from_path)
        new = self.copy_object(from_path, to_path, to_bucket)
        if (self.bucket, self._key(from_path)) != (target.bucket, target._key(to_path)):
            self._delete_generation(self._key(from_path), entry.generation)
        return new

    amove_object: ClassVar = async_twin(move_object)

    @reloading
    def _delete_generation(self: GcsBucket, name: str, generation: int) -> None:
        from google.api_core.exceptions import NotFound, PreconditionFailed

        def attempt() -> None:
            blob: Any = self._storage.client.bucket(self.bucket).blob(name)
            try:
                blob.delete(if_generation_match=generation, **asking())
            except NotFound:
                return
            except PreconditionFailed:
                raise changed(self.bucket, name) from None

        asked(self.bucket, name, attempt)
