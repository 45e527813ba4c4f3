"""What Vault's documentation says of policies, in as few words: it knows no code of ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Rule = tuple[str, frozenset[str]]
"""A path with wildcards, and the capabilities that stand there."""


def allowed(rules: Sequence[Rule], path: str) -> frozenset[str] | None:
    """What may be done at a path; None where no rule fits it, and nothing where the one that counts denies.

    Of the paths that fit, the most specific counts; rules of one path, in whichever policies, are taken together.
    """
    fitting = [text for text, _ in rules if _fits(text, path)]
    if not fitting:
        return None
    best = max(fitting, key=_rank)
    merged = frozenset[str]().union(*(capabilities for text, capabilities in rules if text == best))
    return frozenset() if "deny" in merged else merged


def may(rules: Sequence[Rule], capability: str, path: str) -> bool:
    """Whether something may be done; a list is asked for with and without a slash at the end."""
    if capability != "list":
        return capability in (allowed(rules, path) or ())
    found = [one for one in (allowed(rules, path), allowed(rules, f"{path}/")) if one is not None]
    return all(found) and any("list" in one for one in found)


def _fits(text: str, path: str) -> bool:
    segments = text.removesuffix("*").split("/")
    expression = "/".join("[^/]+" if segment == "+" else re.escape(segment) for segment in segments)
    return re.fullmatch(expression + (".*" if text.endswith("*") else ""), path) is not None


def _rank(text: str) -> tuple[Any, ...]:
    is_wild = text.endswith("*") or "+" in text.split("/")
    first = next((at for at, one in enumerate(text) if one in "+*"), len(text))
    return (not is_wild, first, not text.endswith("*"), -text.split("/").count("+"), len(text), text)
