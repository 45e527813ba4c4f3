"""Which version of a block a request is about, for rules that have a selector."""

from __future__ import annotations

from collections.abc import Callable

from strongroom_registry import Registry
from strongroom_registry.document import LATEST, Head, Reference
from strongroom_registry.errors import UnknownLabel

from strongroom_service.policies.resource import Resource, Selected, block


def version_of_block(workspace: str, reference: Reference, registry: Callable[[str], Registry]) -> Resource:
    """The version of a block that a reference means; the current one, if it says none.

    :param registry: finds the workspace; asked only where a rule has a selector.
    """
    return block(workspace, reference.name, lambda: selected(registry(workspace).head(reference.name), reference))


def selected(head: Head, reference: Reference) -> Selected:
    """The version of a document that a reference means, with its labels.

    :raises UnknownLabel: the document has no such label.
    """
    number = reference.version or head.current
    if reference.label is not None:
        if reference.label not in head.labels:
            raise UnknownLabel(f"{head.name} has no label {reference.label}.", "See `strongroom labels`.")
        number = head.labels[reference.label]
    labels = {label for label, version in head.labels.items() if version == number}
    return Selected(number, frozenset(labels | {LATEST} if number == head.current else labels))
