"""Every error of the Google Cloud collection.

    StrongroomError
    └── GcpError
        ├── GcpLoginProblem
        │   ├── GcpLoginMissing         no credentials were found, or they are malformed
        │   └── GcpLoginRefused         Google does not accept them
        ├── GcpDenied (PermissionError)     the login is good, but may not do this, or the API is not enabled
        ├── GcpAbsent (LookupError)     no such resource, or it is disabled or destroyed
        │   ├── BucketNotFound
        │   └── ObjectNotFound (FileNotFoundError)
        ├── GcpExists (FileExistsError) what was to be made is there already
        ├── GcpRefused (ValueError)     any other no, with the service's own word
        └── GcpUnreachable (ConnectionError)
            ├── GcpBusy                 a quota is used up
            └── GcpDamaged              what arrived fails its checksum, or is no answer to what was asked

The key provider says them in the words of :mod:`strongroom.keys`, the secret source in those of
:mod:`strongroom.sources`. None is chained to the client's own exception, which holds requests and answers.
"""

from __future__ import annotations

from strongroom import StrongroomError


class GcpError(StrongroomError):
    """The root of what can go wrong between Strongroom and Google Cloud."""


class GcpLoginProblem(GcpError):
    """The service was not asked, or did not listen, because of the credentials."""


class GcpLoginMissing(GcpLoginProblem):
    """No credentials were found where they were looked for, or what was found is none."""


class GcpLoginRefused(GcpLoginProblem):
    """Google does not accept the credentials."""


class GcpDenied(GcpError, PermissionError):
    """The login is good, but has no right to do this."""


class GcpAbsent(GcpError, LookupError):
    """There is no such resource, or it is disabled or destroyed."""


class BucketNotFound(GcpAbsent):
    """No bucket has this name."""


class ObjectNotFound(GcpAbsent, FileNotFoundError):
    """The bucket has no object of this name, or not this generation of it."""


class GcpExists(GcpError, FileExistsError):
    """There is one of this name already: a bucket's is unique in the whole world."""


class GcpRefused(GcpError, ValueError):
    """The service said no for a reason that has no class of its own; the message holds its word."""


class GcpUnreachable(GcpError, ConnectionError):
    """Nobody answered within the time; the same request may succeed later."""


class GcpBusy(GcpUnreachable):
    """A quota of the service is used up for now."""


class GcpDamaged(GcpUnreachable):
    """What arrived, or what the service received, is not what was sent."""
