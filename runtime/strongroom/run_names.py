"""What runs are called: by a template, by a function, or at random so that people can tell them apart."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping
from typing import Any

from strongroom_blocks.redaction import redactor

from strongroom.errors import InvalidDefinition

RunName = str | Callable[..., str]

_KINDS = """
    amber ancient bold brave bright brisk calm candid clever cosmic crimson curious daring eager early fabled
    fair fleet gentle gilded golden grand hardy hidden honest humble jolly keen kind lively lucid lunar
    mellow merry misty nimble noble patient placid polar proud quick quiet radiant rapid royal rustic sage
    serene silent silver sleek solar spry stellar stout sturdy sunny swift tidy tranquil upbeat valiant
    velvet vivid warm wise witty zesty
"""
_BEASTS = """
    badger bear beaver bison bobcat caribou cheetah condor cougar coyote crane cricket deer dolphin eagle
    egret falcon ferret finch fox gazelle gecko gibbon goose grouse hare hawk heron hornet ibex ibis jackal
    jaguar kestrel koala lark lemur leopard lizard lynx magpie marmot marten mole moose newt ocelot orca
    osprey otter owl panda panther pelican penguin puffin puma quail rabbit raven robin salmon seal sparrow
    squid stork swan tapir tiger toad trout walrus weasel
"""


def random_name() -> str:
    """Two words that nobody else's run is likely to have today: ``"swift-heron"``."""
    return random_words(2)


def random_words(count: int) -> str:
    """So many words, ``"quiet-swift-heron"`` for three; raises ValueError for fewer than one."""
    if count < 1:
        raise ValueError(f"{count} words are no name: ask for one or more.")
    kinds = random.choices(_KINDS.split(), k=count - 1)  # noqa: S311  no secret
    return "-".join([*kinds, random.choice(_BEASTS.split())])  # noqa: S311


def run_name(template: RunName, parameters: Mapping[str, Any]) -> str:
    """The name that a template or a function gives; secrets in it are masked.

    A template is filled in with the parameters, ``"{store}-on-{day:%A}"``; a function is called with nothing, or with
    the parameters where it takes an argument of that name. Raises :class:`~strongroom.errors.InvalidDefinition`.
    """
    if callable(template):
        wanted = "parameters" in inspect.signature(template).parameters
        name = template(parameters=dict(parameters)) if wanted else template()
        if not isinstance(name, str):
            raise InvalidDefinition(
                f"The run name's function returned {type(name).__name__}.", "Return a string, without awaiting."
            )
    else:
        try:
            name = template.format(**parameters)
        except Exception as error:  # what the parameters are formatted by is the user's
            raise InvalidDefinition(
                f"The run name {template!r} cannot be filled in: {type(error).__name__}: {error}.",
                "Use the names of the function's parameters.",
            ) from None
    return redactor.redact(name)
