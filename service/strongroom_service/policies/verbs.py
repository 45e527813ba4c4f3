"""What can be done with a thing, and be allowed or denied."""

from __future__ import annotations

from enum import StrEnum


class Verb(StrEnum):
    """One kind of doing. Each stands alone: none brings another along, ``reveal`` least of all."""

    LIST = "list"
    """Know by name that it is there."""
    VIEW = "view"
    """See all of it but its secrets: its type, public fields, versions, labels."""
    REVEAL = "reveal"
    """See its secrets."""
    WRITE = "write"
    """Make it, or a new version of it; make an older or a pending version the current one."""
    LABEL = "label"
    """Put a label on a version, or take it away."""
    DELETE = "delete"
    """Delete it in a way that can be undone, and undo that."""
    DESTROY = "destroy"
    """Destroy it, or a version, for good."""
    ROTATE = "rotate"
    """Give it other keys or another secret."""
    ADMINISTER = "administer"
    """Set who may do what with it, and how it is kept."""


OF_VERSIONS = frozenset({Verb.VIEW, Verb.REVEAL, Verb.LABEL, Verb.DESTROY})
"""The verbs that can be about a single version, and so can stand in a rule that has a selector."""
