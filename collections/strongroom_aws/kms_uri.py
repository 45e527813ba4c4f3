"""``awskms:KEY?…``: which key of AWS KMS keeps a registry's keys, and how it is reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from strongroom.keys import InvalidKeyUri

CONTEXT_KEY = "strongroom"
"""Under which name the encryption context says what a key was wrapped for."""

_ARN = re.compile(r"arn:aws[a-z-]{0,20}:kms:(?P<region>[a-z0-9-]{1,40}):[0-9]{12}:(?P<name>(?:key|alias)/.*)")
_KEY_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")
_ALIAS = re.compile(r"alias/[A-Za-z0-9/_-]{1,250}")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_ONCE = ("region", "endpoint", "profile")
_LONGEST = 256
_PAIRS = 8
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class KmsUri:
    """A key of AWS KMS.

    :param text: the URI as it was written.
    :param key: a key's ARN, its id, or the name or the ARN of an alias.
    :param region: from the ARN, else from the URI, else None: what the SDK finds.
    :param endpoint: where KMS answers instead of at its usual place.
    :param profile: the profile of this machine's AWS files that asks.
    :param context: pairs that the encryption context has besides, for key policies to see.
    """

    text: str
    key: str
    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, uri: str) -> KmsUri:
        """``awskms:<key id, ARN or alias/NAME>[?region=…&endpoint=…&profile=…&context=NAME:VALUE…]``.

        :raises InvalidKeyUri: it is none; the message does not repeat what it says.
        """
        key, _, query = uri.removeprefix("awskms:").partition("?")
        options = _options(query)
        arn = _ARN.fullmatch(key)
        name = arn["name"].removeprefix("key/") if arn else key
        if not (_KEY_ID.fullmatch(name) or _ALIAS.fullmatch(name)):
            raise _invalid("names no key", "its id, its ARN, or alias/NAME")
        region = options.get("region", [None])[0]
        if region is not None and (not _REGION.fullmatch(region) or (arn and arn["region"] != region)):
            raise _invalid("names a region that is none, or not that of the key's ARN", "?region=eu-central-1")
        endpoint, profile = options.get("endpoint", [None])[0], options.get("profile", [None])[0]
        if endpoint is not None and not _is_safe(endpoint):
            raise _invalid("names an endpoint that is no address, or not encrypted", "?endpoint=https://HOST")
        context = _pairs(options.get("context", []))
        return cls(uri, key, arn["region"] if arn else region, endpoint, profile, context)

    @property
    def is_exact(self) -> bool:
        """Whether it names a key by its ARN, so that nobody has to be asked which key it is."""
        return self.key.startswith("arn:") and ":key/" in self.key


def _options(query: str) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=16) if query else []
    except ValueError:
        raise _invalid("ends with options that cannot be read", "?region=…&endpoint=…&profile=…") from None
    options: dict[str, list[str]] = {}
    for name, value in pairs:
        fits = name == "context" or (name in _ONCE and name not in options)
        if not fits or not 0 < len(value) <= _LONGEST or not value.isprintable():
            raise _invalid(
                "has an option that is unknown, given twice, empty or too long",
                "region, endpoint, profile, and context as often as needed",
            )
        options.setdefault(name, []).append(value)
    return options


def _pairs(values: list[str]) -> dict[str, str]:
    pairs = dict(value.partition(":")[::2] for value in values)
    whole = all(name and value for name, value in pairs.items())
    if not whole or len(pairs) != len(values) or len(pairs) > _PAIRS or CONTEXT_KEY in pairs:
        raise _invalid(
            f"has a context that is no pair, given twice, called {CONTEXT_KEY!r}, or one of too many",
            "?context=NAME:VALUE",
        )
    return pairs


def _is_safe(endpoint: str) -> bool:
    """An address whose connections are encrypted: what goes over them is the workspace key in clear."""
    try:
        parts = urlsplit(endpoint)
        plain = parts.hostname in _LOOPBACK and parts.port is not None
    except ValueError:
        return False
    named = parts.hostname and not parts.username and not parts.password and not parts.query and not parts.fragment
    return bool(named) and (parts.scheme == "https" or (parts.scheme == "http" and plain))


def _invalid(problem: str, remedy: str) -> InvalidKeyUri:
    return InvalidKeyUri(f"A key URI that starts with 'awskms:' {problem}.", f"Write awskms:KEY with {remedy}")
