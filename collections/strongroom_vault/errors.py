"""Every error of the Vault collection.

    StrongroomError
    └── VaultError
        ├── VaultLoginProblem
        │   ├── VaultLoginMissing       nothing to log in with: no token, no AppRole, no service account
        │   └── VaultLoginRefused       Vault does not know the token, role or service account, or no longer
        ├── VaultDenied (PermissionError)   the login is good, but its policies do not allow this
        ├── VaultAbsent (LookupError)   no such path, secret or engine
        ├── VaultRefused (ValueError)   any other no, with Vault's own words
        │   └── VaultStale              somebody else wrote the secret first
        └── VaultUnreachable (ConnectionError)
            ├── VaultSealed             it answers, and can do nothing before it is unsealed
            └── VaultAnswerUnusable     something answers that is no Vault, or sends elsewhere, or too much

    KeyServiceUnreachable (strongroom.keys)
    └── TransitSealed                   what VaultSealed is to the key provider

The key provider says the rest in the words of :mod:`strongroom.keys`, the secret source in those of
:mod:`strongroom.sources`. None is chained to the client's own exception, which holds requests and answers.
"""

from __future__ import annotations

from strongroom import StrongroomError
from strongroom.keys import KeyServiceUnreachable


class VaultError(StrongroomError):
    """The root of what can go wrong between Strongroom and a Vault."""


class VaultLoginProblem(VaultError):
    """Vault was not asked, or did not listen, because of the login."""


class VaultLoginMissing(VaultLoginProblem):
    """Nothing to log in with was found where it was looked for."""


class VaultLoginRefused(VaultLoginProblem):
    """Vault does not know who logs in, or no longer."""


class VaultDenied(VaultError, PermissionError):
    """The login is good, but has no right to do this."""


class VaultAbsent(VaultError, LookupError):
    """Vault has nothing at this path."""


class VaultRefused(VaultError, ValueError):
    """Vault said no for a reason that has no class of its own; the message holds its words."""


class VaultStale(VaultRefused):
    """A secret was to be written on the condition that a version is the newest, and another one is."""


class VaultUnreachable(VaultError, ConnectionError):
    """Nobody answered within the time; the same request may succeed later."""


class VaultSealed(VaultUnreachable):
    """Vault answers, but is sealed."""


class VaultAnswerUnusable(VaultUnreachable):
    """What came back is no answer of Vault's."""


class TransitSealed(KeyServiceUnreachable):
    """The Vault that keeps the key is sealed."""
