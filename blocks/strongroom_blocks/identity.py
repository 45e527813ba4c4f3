"""What a block class says of itself: slug, title, icon, schema version."""

from __future__ import annotations

import re
from dataclasses import dataclass

from strongroom_registry.document import check_name

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+")


@dataclass(frozen=True, slots=True)
class Identity:
    """The name tag of a block type.

    ``slug`` names the type in the registry, ``public`` tells whether documents carry a public projection,
    ``schema_version`` counts what upgrade functions lead from and to.
    """

    slug: str
    title: str
    icon: str | None
    schema_version: int
    public: bool

    @staticmethod
    def of(
        class_name: str, slug: str | None, title: str | None, icon: str | None, schema_version: int, public: bool
    ) -> Identity:
        """Fill in what the class does not say from its name: ``CrmApi`` is ``crm-api``, titled "Crm Api"."""
        words = _WORDS.findall(class_name)
        if schema_version < 1:
            raise ValueError(f"schema_version of {class_name} is {schema_version}: it counts from 1.")
        slug = check_name(slug) if slug is not None else check_name("-".join(words).lower())
        return Identity(slug, title or " ".join(words), icon, schema_version, public)
