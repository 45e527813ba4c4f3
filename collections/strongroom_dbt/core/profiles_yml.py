"""A ``profiles.yml`` that names blocks and variables.

``password: "{{ strongroom.blocks.snowflake-credentials.prod.password }}"`` is a field of a saved block. Also what was
written for Prefect is understood: ``{{ prefect.blocks.… }}``, ``{{ prefect.variables.… }}``. A secret never gets into
the text that dbt reads; dbt finds it in an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Secret, SecretBytes, SecretStr
from strongroom import Block, SecretDict, StrongroomError, require_extra
from strongroom.variables import Variable

from strongroom_dbt.errors import DbtProfileInvalid
from strongroom_dbt.profile import RenderedProfile, rendered

_PLACEHOLDER = re.compile(
    r"\{\{\s*(?:strongroom|prefect)\.(?:blocks\.(?P<slug>[a-z0-9-]+)\.(?P<name>[A-Za-z0-9_-]+)(?P<path>[^\s{}]*)"
    r"|variables\.(?P<variable>[A-Za-z0-9_-]+))\s*\}\}"
)
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")
_SECRETS = (SecretStr, SecretBytes, Secret)


def resolved_profiles(path: Path, target: str | None = None) -> RenderedProfile | None:
    """The profiles of a file with its placeholders filled in; None for a file without any, which dbt reads itself.

    Of each profile the output that is asked for is kept, so that the blocks of the others need not be there.

    :param target: asked for by name, in place of what the profile says.
    :raises DbtProfileInvalid: the file is no YAML, or a placeholder names nothing.
    """
    text = path.read_text(encoding="utf-8")
    if not _PLACEHOLDER.search(text):
        return None
    yaml = require_extra("yaml", extra="dbt")
    try:
        profiles = yaml.safe_load(text)
    except yaml.YAMLError:
        profiles = None
    if not isinstance(profiles, dict):
        raise DbtProfileInvalid(f"{path} is no YAML of profiles.", "Correct the file.")
    return rendered({name: _chosen(profile, target) for name, profile in profiles.items()})


def _chosen(profile: Any, target: str | None) -> Any:
    if not isinstance(profile, Mapping) or not isinstance(profile.get("outputs"), Mapping):
        return _filled(profile)
    outputs, said = profile["outputs"], _filled(profile.get("target", "default"))
    name = target or (said.get_secret_value() if isinstance(said, _SECRETS) else said)
    kept = {name: outputs[name]} if name in outputs else outputs
    return {**_filled({k: v for k, v in profile.items() if k != "outputs"}), "target": name, "outputs": _filled(kept)}


def _filled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner) for inner in value]
    if not isinstance(value, str) or not (found := list(_PLACEHOLDER.finditer(value))):
        return value
    values = [_meant(match) for match in found]
    if len(found) == 1 and found[0].group() == value.strip():
        return values[0]  # alone, it keeps its type
    text, secret = value, False
    for match, meant in zip(found, values, strict=True):
        secret = secret or isinstance(meant, _SECRETS)
        text = text.replace(match.group(), str(meant.get_secret_value() if isinstance(meant, _SECRETS) else meant))
    return SecretStr(text) if secret else text


def _meant(match: re.Match[str]) -> Any:
    """What a placeholder stands for."""
    if match["variable"] is not None:
        found = Variable.get(match["variable"], default=_PLACEHOLDER)
        if found is _PLACEHOLDER:
            raise DbtProfileInvalid(
                f"profiles.yml names the variable {match['variable']!r}, and there is none.", "Set it, or name another."
            )
        return found
    reference = f"{match['slug']}/{match['name']}"
    try:
        return _reached(Block.load(reference), match["path"])
    except (StrongroomError, LookupError, AttributeError, TypeError) as error:
        problem = error.problem if isinstance(error, StrongroomError) else f"it has no {match['path'] or 'value'}"
    raise DbtProfileInvalid(f"profiles.yml names the block {reference}: {problem}", "Name a field of a saved block.")


def _reached(block: Block, path: str) -> Any:
    steps = [name or int(index) for name, index in _STEP.findall(path)]
    if not steps and "value" in type(block).model_fields:
        steps = ["value"]
    value: Any = block
    for step in steps or [""]:
        secret = isinstance(value, (*_SECRETS, SecretDict))
        inner = value.get_secret_value() if secret else value
        inner = inner[step] if isinstance(inner, Mapping | list | tuple) else getattr(inner, _field(inner, str(step)))
        value = Secret[Any](inner) if secret and not isinstance(inner, _SECRETS) else inner
    return value


def _field(block: Any, name: str) -> str:
    """The field that goes by a name, or by an alias such as ``schema`` for ``schema_``."""
    fields: Mapping[str, Any] = getattr(type(block), "model_fields", {})
    return next((field for field, info in fields.items() if name in (field, info.alias)), name)
