"""Every error of the service. Each has a status, which answers over HTTP have.

StrongroomError
├── ServiceRefusal                       the service is healthy and says no
│   ├── InvalidRequest (ValueError)      400  a request that nobody understands
│   ├── Unauthenticated                  401  no token, or none that counts
│   ├── Forbidden                        403  a policy says no, or none says yes
│   ├── UnknownThing (LookupError)       404  there is none of this name
│   │   └── UnknownSession                    a session of sealing that nobody began here
│   ├── MethodNotAllowed                 405  the path takes other methods
│   ├── Conflict (ValueError)            409  it is there already, or stands in the way
│   │   ├── WrapOpened                        a wrapping token that was used before
│   │   └── RequestInProgress                 the same request, of the same key, is being worked on
│   ├── IdempotencyKeyReused (ValueError)422  the key of another request
│   ├── RequestTooLarge (ValueError)     413
│   ├── RefusedByKey                     500  a key of transit says no where Vault's clients expect this status
│   └── TooManyRequests                  429  with the seconds after which to try again
├── ServerProblem                        the server cannot start, or not go on so
│   ├── InsecureAddress (ValueError)     others reach the address, and there is no TLS
│   ├── CannotListen                     the port is taken, or not for this user
│   ├── CannotServe                      the registry is none that can be served
│   ├── WorkersFail                      its processes end before they serve
│   └── UnusableCertificate              the certificate or its key cannot be used
└── ServiceUnavailable                   503  not now
    ├── ProviderUnavailable          502  who vouches for people and machines is away, or answers nonsense
    ├── EngineFailed                     502  the system that credentials are leased from does not do what it should
    ├── RecordsUnavailable (StoreProblem)     the service's own database cannot be used
    ├── RecordsForeign (StoreProblem)         it is none, or damaged
    ├── RecordsNewer (StoreProblem)           a newer version made it
    └── Sealed                                the key of the registry is not there yet
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from strongroom_registry.errors import StoreProblem, StrongroomError


class ServiceRefusal(StrongroomError):
    """The service is healthy and says no."""

    status: ClassVar[int] = 400
    is_recorded = False
    """Whether it stands in the audit already."""


class InvalidRequest(ServiceRefusal, ValueError):
    """A request that nobody understands; says where, never what stood there."""


class Unauthenticated(ServiceRefusal):
    """No token, or none that counts. The answer does not say why; the audit does.

    :param why: what the audit is to say.
    """

    status = 401

    def __init__(self, problem: str, remedy: str = "", *, why: str = "") -> None:
        super().__init__(problem, remedy)
        self.why = why


class Forbidden(ServiceRefusal):
    """A policy says no, or none says yes."""

    status = 403


class UnknownThing(ServiceRefusal, LookupError):
    """There is none of this name, or whoever asks is not to learn of it."""

    status = 404


class UnknownSession(UnknownThing):
    """No session of sealing of this workspace begins so: it is damaged, or was begun under a key that is not there."""


class MethodNotAllowed(ServiceRefusal):
    """The path is there, and takes other methods.

    :param allowed: those that it takes.
    """

    status = 405

    def __init__(self, problem: str, remedy: str = "", *, allowed: Iterable[str] = ()) -> None:
        super().__init__(problem, remedy)
        self.allowed = tuple(sorted(allowed))


class Conflict(ServiceRefusal, ValueError):
    """It is there already, or something stands in the way."""

    status = 409


class WrapOpened(Conflict):
    """A wrapping token that was used before: if not by whom it was meant for, somebody else has the secret."""


class RequestInProgress(Conflict):
    """A request of the same idempotency key is being worked on."""


class IdempotencyKeyReused(ServiceRefusal, ValueError):
    """The idempotency key of another request of the same caller."""

    status = 422


class RequestTooLarge(ServiceRefusal, ValueError):
    """More than the service takes at once."""

    status = 413


class RefusedByKey(ServiceRefusal):
    """A key of transit is not to be backed up in the clear, or is not to be replaced by a backup. Vault answers 500
    here, and its clients go by that."""

    status = 500


class TooManyRequests(ServiceRefusal):
    """More often than allowed.

    :param retry_after: the seconds after which to try again.
    """

    status = 429

    def __init__(self, problem: str, remedy: str = "", *, retry_after: int = 1) -> None:
        super().__init__(problem, remedy)
        self.retry_after = retry_after


class ServiceUnavailable(StrongroomError):
    """Not now."""

    status: ClassVar[int] = 503


class ProviderUnavailable(ServiceUnavailable):
    """Who vouches for people and machines is away, or does not answer as expected."""

    status = 502


class EngineFailed(ServiceUnavailable):
    """The system that credentials are leased from, or its administrator's block, does not do what it should."""

    status = 502


class RecordsUnavailable(ServiceUnavailable, StoreProblem):
    """The service's own database cannot be used now."""


class RecordsForeign(ServiceUnavailable, StoreProblem):
    """What stands for the service's own database is none, or is damaged."""


class RecordsNewer(ServiceUnavailable, StoreProblem):
    """A newer version made the service's own database."""


class Sealed(ServiceUnavailable):
    """The registry's key is not there: the server waits to be unsealed."""


class ServerProblem(StrongroomError):
    """The server cannot start, or not go on so."""


class InsecureAddress(ServerProblem, ValueError):
    """Others reach the address, and there is no TLS."""


class CannotListen(ServerProblem):
    """The port is taken, not for this user, or the host is none of this machine."""


class UnusableCertificate(ServerProblem):
    """The certificate or its key cannot be read, or they do not belong together."""


class CannotServe(ServerProblem):
    """The registry is none that can be served."""


class WorkersFail(ServerProblem):
    """The processes of the server end before they serve anything, again and again."""
