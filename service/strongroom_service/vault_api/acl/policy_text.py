"""From the text of a policy, in HCL or JSON, to its rules. What is not understood is refused, never left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

from strongroom_service.durations import parse_duration
from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.acl.capability import Capability, of_legacy
from strongroom_service.vault_api.acl.pattern import PathPattern
from strongroom_service.vault_api.acl.rule import Rule, Values
from strongroom_service.vault_api.envelope import invalid

TEXT_MAX = 64 * 1024
"""The longest text of a policy, in characters."""
_DEPTH_MAX = 8
_PARSING = Lock()
_RULES_MAX = 2000
_KNOWN = frozenset(
    {
        "capabilities",
        "policy",
        "allowed_parameters",
        "denied_parameters",
        "required_parameters",
        "min_wrapping_ttl",
        "max_wrapping_ttl",
    }
)

Rules = tuple[tuple[str, Rule], ...]
"""The paths of a policy, as they stand there, and what is allowed at each."""


@lru_cache(maxsize=512)
def parse_policy(text: str) -> Rules:
    """Read a policy.

    :raises InvalidRequest: it is none; says where, and nothing of what stands there.
    """
    if len(text) > TEXT_MAX:
        raise invalid(f"a policy has at most {TEXT_MAX} characters")
    tree = _tree(text)
    unknown = tree.keys() - {"path", "name"}
    if unknown:
        raise invalid('a policy has rules for paths, and nothing beside them: path "…" { … }')
    found = [_rule(path, body) for path, body in _paths(tree.get("path", []))]
    if len(found) > _RULES_MAX:
        raise invalid(f"a policy has at most {_RULES_MAX} rules")
    return tuple(found)


def _tree(text: str) -> dict[str, Any]:
    try:
        tree = json.loads(text)
    except RecursionError:
        raise invalid("the policy is nested too deep") from None
    except ValueError:
        tree = _hcl(text)
    if not isinstance(tree, dict):
        raise invalid("a policy is an object with paths")
    return tree


def _hcl(text: str) -> dict[str, Any]:
    import hcl2
    from lark.exceptions import LarkError

    _check_depth(text)
    options = hcl2.SerializationOptions(
        with_comments=False, explicit_blocks=False, preserve_heredocs=False, strip_string_quotes=True
    )
    try:
        with _PARSING:  # one parser for all threads, which keeps where it is
            tree: dict[str, Any] = hcl2.loads(text, serialization_options=options)
    except LarkError as error:
        line = getattr(error, "line", None)
        raise invalid(f"the policy is no HCL{f': line {line}' if isinstance(line, int) and line > 0 else ''}") from None
    except (ValueError, RuntimeError, TypeError, KeyError, RecursionError):
        raise invalid("the policy is no HCL") from None
    return tree


def _check_depth(text: str) -> None:
    """Refuse what is nested deeper than any policy, before it is parsed; brackets inside texts count too."""
    depth = 0
    for character in text:
        if character in "{[(":
            depth += 1
            if depth > _DEPTH_MAX + text.count("{{") * 2:
                raise invalid("the policy is nested too deep")
        elif character in "}])":
            depth -= 1


def _paths(found: Any) -> list[tuple[str, Any]]:
    """The paths and their bodies; HCL brings a list of objects, each with one path."""
    if isinstance(found, Mapping):
        return [(path, body) for path, bodies in found.items() for body in _bodies(bodies)]
    if isinstance(found, list) and all(isinstance(one, Mapping) for one in found):
        return [(path, body) for one in found for path, bodies in one.items() for body in _bodies(bodies)]
    raise invalid('a rule has a path and a body: path "…" { … }')


def _bodies(found: Any) -> list[Any]:
    if found == []:
        raise invalid('a rule has a path and a body: path "…" { … }')
    return found if isinstance(found, list) else [found]


def _rule(path: Any, body: Any) -> tuple[str, Rule]:
    if not isinstance(path, str) or PathPattern.parse(path) is None:
        raise invalid("the path of a rule is a text with * at its end alone, not behind +, and not empty")
    if not isinstance(body, Mapping):
        raise invalid(f"the rule of {path!r:.200} is an object")
    if not body.keys() <= _KNOWN:
        raise invalid(f"the rule of {path!r:.200} has a key that is not known; known are {', '.join(sorted(_KNOWN))}")
    rule = Rule(
        capabilities=_capabilities(path, body),
        allowed=_parameters(path, body.get("allowed_parameters"), "allowed_parameters"),
        denied=_parameters(path, body.get("denied_parameters"), "denied_parameters"),
        required=frozenset(
            name.lower() for name in _texts(path, body.get("required_parameters", []), "required_parameters")
        ),
        least_wrapping=_ttl(path, body, "min_wrapping_ttl"),
        most_wrapping=_ttl(path, body, "max_wrapping_ttl"),
    )
    if rule.least_wrapping and rule.most_wrapping and rule.least_wrapping > rule.most_wrapping:
        raise _refused(path, "max_wrapping_ttl", "is not less than min_wrapping_ttl")
    return path, rule


def _capabilities(path: str, body: Mapping[str, Any]) -> frozenset[Capability]:
    if "policy" in body:
        legacy = of_legacy(body["policy"]) if isinstance(body["policy"], str) else None
        if legacy is None or "capabilities" in body:
            raise _refused(path, "policy", "is deny, read, write or sudo, in the place of capabilities")
        return legacy
    words = _texts(path, body.get("capabilities", []), "capabilities")
    try:
        return frozenset(Capability(word) for word in words)
    except ValueError:
        raise _refused(path, "capabilities", f"are of {', '.join(Capability)}") from None


def _parameters(path: str, found: Any, name: str) -> dict[str, Values]:
    if found is None:
        return {}
    if isinstance(found, list) and all(isinstance(one, Mapping) for one in found):  # written as a block
        found = {key: value for one in found for key, value in one.items()}
    if not isinstance(found, Mapping) or not all(isinstance(values, list) for values in found.values()):
        raise _refused(path, name, "is an object with a list of values for each parameter")
    return {str(key).lower(): tuple(values) for key, values in found.items()}


def _texts(path: str, found: Any, name: str) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise _refused(path, name, "is a list of texts")
    return found


def _ttl(path: str, body: Mapping[str, Any], name: str) -> Any:
    if name not in body:
        return None
    found = parse_duration(body[name])
    if found is None:
        raise _refused(path, name, "is a duration such as 30s or 1h")
    return found


def _refused(path: str, name: str, what: str) -> InvalidRequest:
    return invalid(f"{name} of the rule of {path!r:.200} {what}")
