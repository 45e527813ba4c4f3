"""Row 20: texts that are almost what a parser takes.

Tokens, paths of requests, paths of policies, whole policies of both languages, durations, references, sealed values and
envelopes are changed: characters removed, repeated, exchanged with others that mean something there, two cut and put
together. A parser holds that takes the text or refuses it with the error that it documents; never another one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError
from strongroom_registry.errors import EnvelopeMalformed, EnvelopeUnsupported, InvalidReference, SealBroken

from faults.figure import Figure, Work

ROW = 20


class Parser(NamedTuple):
    """What is tried: what takes texts, what it may raise, texts that it takes, what stands in such texts."""

    name: str
    parse: Callable[[Any], object]
    refuses: tuple[type[Exception], ...]
    seeds: Sequence[Any]
    words: Sequence[Any]
    tries: int


class NoDuration(Exception):
    """A text that the parser of durations, which raises nothing, says is none."""


def run(work: Work) -> Iterator[Figure]:
    """One parser after another."""
    for parser in parsers():
        figure = Figure(ROW, parser.name)
        dice = work.dice(ROW, parser.name)
        for _ in range(work.count(parser.tries)):
            _try(figure, parser, changed(dice, parser.seeds, parser.words))
        yield figure


def _try(figure: Figure, parser: Parser, text: Any) -> None:
    try:
        parser.parse(text)
    except parser.refuses as error:
        figure.add(type(error).__name__)
    except BaseException as error:
        figure.add(type(error).__name__, f"{parser.name}: {text!r:.200}: {error!r:.200}")
    else:
        figure.add("taken")


def changed(dice: random.Random, seeds: Sequence[Any], words: Sequence[Any]) -> Any:
    """One of the seeds, changed one to six times."""
    text = dice.choice(seeds)
    for _ in range(dice.randint(1, 6)):
        at, other = dice.randint(0, len(text)), dice.randint(0, len(text))
        start, end = min(at, other), max(at, other)
        how = dice.randrange(6)
        if how == 0:
            text = text[:start] + text[end:]
        elif how == 1:
            text = text[:at] + dice.choice(words) + text[at:]
        elif how == 2 and text:
            text = text[:at] + dice.choice(words) + text[at + 1 :]
        elif how == 3:
            text = text[:end] + text[start:end] * dice.randint(1, 4) + text[end:]
        elif how == 4:
            piece = dice.choice(seeds)
            text = text[:at] + piece[dice.randint(0, len(piece)) :]
        else:
            text = text[:at] + _anything(dice, text) + text[at:]
    return text[:20_000]


def _anything(dice: random.Random, like: Any) -> Any:
    if isinstance(like, bytes):
        return dice.randbytes(dice.randint(1, 8))
    return "".join(chr(dice.choice((dice.randrange(128), dice.randrange(0xD800)))) for _ in range(dice.randint(1, 4)))


def parsers() -> list[Parser]:
    """All that are tried."""
    from strongroom_registry import Reference, open_registry
    from strongroom_service.durations import parse_duration
    from strongroom_service.errors import InvalidRequest
    from strongroom_service.http.body import as_json
    from strongroom_service.http.paths import read_segments
    from strongroom_service.identity.token import NotAToken, Token
    from strongroom_service.policies.glob import MalformedPattern
    from strongroom_service.policies.path_pattern import PathPattern
    from strongroom_service.policies.policy import Policy
    from strongroom_service.vault_api.acl.policy_text import parse_policy

    def duration(text: str) -> None:
        if parse_duration(text) is None:
            raise NoDuration

    sealer = open_registry("memory:").sealer("tried")
    sealed = [sealer.seal(bytes(size), b"here") for size in (0, 1, 40)]
    rules = (
        '{"rules":[{"effect":"allow","paths":["analytics/prod-*@stable","**"],"verbs":["list","reveal"]}]}',
        '{"description":"d","rules":[{"effect":"deny","paths":["*/{{identity.name}}-*"],"verbs":["write"],'
        '"when":{"addresses":["10.0.0.0/8","::1/128"]}}]}',
    )
    hcl = (
        'path "secret/data/team/*" { capabilities = ["create", "read", "list"] }',
        'path "secret/+/x" {\n  capabilities = ["deny"]\n  min_wrapping_ttl = "1s"\n}\n# word\n',
        'path "a" { capabilities = ["update"] allowed_parameters = { "b" = ["c", "d"] "*" = [] } }',
        '{"path": {"a/*": {"capabilities": ["read"]}}}',
    )
    paths = (
        "analytics/prod-*",
        "analytics/**",
        "**",
        "*/warehouse@stable",
        "a/b@3",
        ":service/policies/{{identity.name}}",
    )
    marks = ["*", "**", "/", "@", ":", "{{", "}}", "identity.name", ".", "..", "-", "\0", "é", "\u202e", "%2e"]
    braces = ["{", "}", "[", "]", '"', ",", ":", "=", "\\", "\n", "#", "/*", "<<EOF", "${", "true", "1e9", "\x00"]
    tokens = [Token.make().text for _ in range(20)]
    return [
        Parser("tokens", Token.parse, (NotAToken,), tokens, ["srt_", "srw_", "0", "z", "-", " ", "é"], 1_000_000),
        Parser(
            "paths of requests",
            read_segments,
            (InvalidRequest,),
            [b"/v1/secret/data/a%20b/c", b"/api/v1/workspaces/default/documents/x", b"/%C3%A9/?a=b", b"/"],
            [b"/", b"//", b"..", b".", b"%2e", b"%2F", b"%00", b"%", b"%C3", b"\\", b"?", b";"],
            1_000_000,
        ),
        Parser("paths of policies", PathPattern.parse, (MalformedPattern,), paths, marks, 300_000),
        Parser("policies", Policy.model_validate_json, (ValidationError,), rules, [*braces, *marks], 300_000),
        Parser("policies in Vault's language", parse_policy, (InvalidRequest,), hcl, [*braces, "path", "+"], 20_000),
        Parser(
            "durations",
            duration,
            (NoDuration,),
            ["1h30m0s", "30", "0.5s", "1ms", "-1h", "2d"],
            ["h", "m", "s", "ms", "us", "µs", "ns", "d", ".", "-", "+", "e", "9" * 30, "_", "\u0661"],
            1_000_000,
        ),
        Parser(
            "references",
            Reference.parse,
            (InvalidReference,),
            ["prod-db", "secret/prod-db@3", "a@stable", "a.b_c@latest"],
            marks,
            1_000_000,
        ),
        Parser(
            "bodies",
            lambda body: as_json(body, 32),
            (InvalidRequest,),
            [rule.encode() for rule in rules],
            [b"[", b"]", b"{", b"}", b'"', b"\\u", b"\\", b"1e999", b"NaN", b"\xff", b"[" * 300, b'{"a":' * 40, b","],
            1_000_000,
        ),
        Parser(
            "sealed values",
            lambda data: sealer.open(data, b"here"),
            (EnvelopeMalformed, EnvelopeUnsupported, SealBroken),
            sealed,
            [b"SRSL", b"\0", b"\xff" * 4],
            200_000,
        ),
    ]
