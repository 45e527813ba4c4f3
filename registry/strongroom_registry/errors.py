"""Every error of the registry.

StrongroomError
├── InvalidReference (ValueError)       a name, version, label or reference that is none
├── InvalidConfiguration (ValueError)   a configuration file that says what nobody understands
├── RegistryRefusal                     the registry is healthy and says no
│   ├── UnknownDocument (LookupError, ValueError)
│   ├── UnknownVersion (LookupError)
│   ├── UnknownLabel (LookupError)
│   ├── UnknownWorkspace (LookupError)
│   ├── DocumentDeleted (LookupError, ValueError)
│   ├── VersionDestroyed (LookupError)
│   ├── NameTaken (ValueError)
│   ├── StaleExpectation (ValueError)   a compare-and-set that lost
│   ├── TypeMismatch (ValueError)
│   ├── WorkspaceInUse                  a workspace that is not removed: it has documents, or is the only one
│   ├── DocumentInUse (ValueError)      others refer to it
│   ├── UnknownKey (LookupError)        no wrap of the workspace key is by this one
│   ├── KeyInUse (ValueError)           a wrap without which a key could not be opened
│   ├── AccessDenied                    the policies of the server do not allow it
│   ├── ApprovalPending                 the change waits at the server for a second person
│   ├── TokenRefused                    no token, or none that the server takes
│   ├── AtTheServerOnly                 what is done where the server's keys lie
│   └── TooLarge (ValueError)
├── KeyProblem
│   ├── InvalidKeyUri (ValueError)
│   ├── KeyUnavailable                  the provider cannot hand the key out now
│   │   ├── KeyDenied                   the service that keeps the key does not let this process use it
│   │   ├── KeyAbsent (LookupError)     that service has no such key, or its versions are gone
│   │   └── KeyServiceUnreachable       that service is away, or cannot answer now
│   ├── KeyMalformed
│   ├── KeyExposed                      a key file that others may read
│   └── WrongKey
├── IntegrityError                      somebody or something changed the data
│   ├── EnvelopeMalformed
│   ├── EnvelopeUnsupported             a newer format, suite or flag
│   ├── SealBroken                      the authentication tag or the commitment does not fit
│   ├── PublicFieldsTampered
│   ├── HeadTampered
│   ├── VersionTampered
│   ├── HiddenVersion                   a version that the head names is gone, or the reverse
│   ├── RollbackDetected                old rows were put back
│   │   └── StoreRolledBack             all of them: an anchor says so
│   ├── AnchorTampered                  an anchor that was not made with a key of the workspace
│   ├── BackupDamaged                   a backup that was cut short or changed
│   └── AuditChainBroken
└── StoreProblem
    ├── StoreUnavailable                cannot be opened, read or written now (full, read-only, locked)
    │   └── ServerUnreachable           the server of the registry is away, or cannot answer now
    ├── ServerUntrusted                 what answers at the server's address cannot prove that it is the server
    ├── ServerMisspoke                  an answer that no server of Strongroom gives
    ├── StoreForeign                    not a Strongroom store, or a corrupt file
    ├── StoreNewer                      written by a newer version
    ├── StoreOccupied                   a store that a backup cannot be restored into, since it holds a registry
    ├── AnchorUnavailable               the anchor cannot be read or written, so nothing is changed or revealed
    └── AuditUnavailable                the audit cannot be written, so nothing is changed or revealed
"""

from __future__ import annotations


class StrongroomError(Exception):
    """The root of all errors of Strongroom: one sentence that says what and which, then the remedy.

    :param problem: what is wrong, and with which thing; never a secret.
    :param remedy: what the reader can do about it.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[StrongroomError], tuple[str, str]]:
        return type(self), (self.problem, self.remedy)


class InvalidReference(StrongroomError, ValueError):
    """A text that is no name, version, label or reference."""


class InvalidConfiguration(StrongroomError, ValueError):
    """A configuration file that is none, or says what nobody understands."""


class RegistryRefusal(StrongroomError):
    """The registry is healthy and says no."""


class UnknownDocument(RegistryRefusal, LookupError, ValueError):
    """No document has this name. A ``ValueError`` too, which scripts written for Prefect catch."""


class UnknownVersion(RegistryRefusal, LookupError):
    """The document has no such version."""


class UnknownLabel(RegistryRefusal, LookupError):
    """The document has no such label."""


class UnknownWorkspace(RegistryRefusal, LookupError):
    """The store has no such workspace."""


class DocumentDeleted(RegistryRefusal, LookupError, ValueError):
    """The document was deleted; it can be brought back."""


class VersionDestroyed(RegistryRefusal, LookupError):
    """The version's data key was destroyed; nothing brings it back."""


class NameTaken(RegistryRefusal, ValueError):
    """A document, a workspace or a backup of this name exists."""


class StaleExpectation(RegistryRefusal, ValueError):
    """A compare-and-set whose expected version is not the current one."""


class TypeMismatch(RegistryRefusal, ValueError):
    """The document is of another type."""


class DocumentInUse(RegistryRefusal, ValueError):
    """Other documents refer to this one."""


class UnknownKey(RegistryRefusal, LookupError):
    """No wrap of the workspace's key is by this provider or key."""


class KeyInUse(RegistryRefusal, ValueError):
    """A wrap without which the workspace's key could not be opened any more."""


class AccessDenied(RegistryRefusal):
    """The policies of the server do not allow it."""


class ApprovalPending(RegistryRefusal):
    """The change is not made yet: it waits at the server until somebody else approves it."""


class TokenRefused(RegistryRefusal):
    """There is no token, or the server takes it no more: it expired, was revoked, or is another server's."""


class AtTheServerOnly(RegistryRefusal):
    """What is done with the keys of a registry is done where its server runs."""


class WorkspaceInUse(RegistryRefusal):
    """The workspace is not removed: it has live documents, or is the only one of its registry."""


class TooLarge(RegistryRefusal, ValueError):
    """A payload, message or projection beyond its cap."""


class KeyProblem(StrongroomError):
    """Something is wrong with a key or with the one who keeps it."""


class InvalidKeyUri(KeyProblem, ValueError):
    """A key URI that no provider understands."""


class KeyUnavailable(KeyProblem):
    """The key provider cannot hand the key out now."""


class KeyDenied(KeyUnavailable):
    """The service that keeps the key does not let this process use it."""


class KeyAbsent(KeyUnavailable, LookupError):
    """The service that should keep the key has none of this name, or destroyed or disabled it."""


class KeyServiceUnreachable(KeyUnavailable):
    """The service that keeps the key is away, sealed or too slow; the same request may succeed later."""


class KeyMalformed(KeyProblem):
    """A key of the wrong shape."""


class KeyExposed(KeyProblem):
    """A key file that somebody else may read or write."""


class WrongKey(KeyProblem):
    """The key is not the one that this store was sealed with."""


class IntegrityError(StrongroomError):
    """Somebody or something changed the data."""


class EnvelopeMalformed(IntegrityError):
    """Bytes that are no envelope: a size, magic or padding that the format does not allow."""


class EnvelopeUnsupported(IntegrityError):
    """An envelope of a format version, suite or flag that this version does not know."""


class SealBroken(IntegrityError):
    """The commitment or the authentication tag does not fit: another key, other data or another place."""


class PublicFieldsTampered(IntegrityError):
    """The public projection is not the one that was sealed."""


class HeadTampered(IntegrityError):
    """A head, or the state of its workspace, whose MAC does not fit."""


class VersionTampered(IntegrityError):
    """What a version says of itself (its type, schema, note, place or key) is not what was written."""


class HiddenVersion(IntegrityError):
    """A version that the head names is gone, or one stands there that it does not name."""


class RollbackDetected(IntegrityError):
    """Old rows were put back."""


class StoreRolledBack(RollbackDetected):
    """The whole store is an older copy of itself, or went on from one: an anchor that is kept apart from it says so."""


class AnchorTampered(IntegrityError):
    """An anchor that is none, that was not made with a key of the workspace, or is that of another."""


class BackupDamaged(IntegrityError):
    """A backup that was cut short or changed, or is none."""


class AuditChainBroken(IntegrityError):
    """An audit entry was changed, removed, inserted or moved."""


class StoreProblem(StrongroomError):
    """The place where documents live does not work as it should."""


class StoreUnavailable(StoreProblem):
    """The store cannot be opened, read or written now: it is full, read-only, locked or away."""


class ServerUnreachable(StoreUnavailable):
    """The server of the registry is away, or too slow, or says that it cannot answer now."""


class ServerUntrusted(StoreProblem):
    """What answers at the server's address cannot prove that it is the server; it was told nothing."""


class ServerMisspoke(StoreProblem):
    """An answer that no server of Strongroom gives: too large, cut, in another form, or from elsewhere."""


class StoreForeign(StoreProblem):
    """Not a store of Strongroom, or a corrupt file."""


class StoreNewer(StoreProblem):
    """The store was written by a newer version of Strongroom."""


class StoreOccupied(StoreProblem):
    """The store holds a registry, and nothing is restored over that."""


class AnchorUnavailable(StoreProblem):
    """The anchor cannot be read or written, or there is none yet, so nothing is changed and nothing revealed."""


class AuditUnavailable(StoreProblem):
    """The audit cannot be written, so nothing is changed and nothing revealed."""
