"""Every error of the AWS collection.

    StrongroomError
    └── AwsError
        ├── CredentialsProblem
        │   ├── CredentialsMissing          none found: no keys, no such profile, an SSO login that ran out
        │   ├── CredentialsRejected         the service does not know the key, or the signature does not fit
        │   └── CredentialsExpired
        ├── AccessDenied (PermissionError)  the credentials are good, but may not do this
        ├── BucketNotFound (LookupError)
        ├── ObjectNotFound (FileNotFoundError)
        ├── ResourceNotFound (LookupError)  no such secret, function, queue or job
        ├── JobFailed                       a job that ended otherwise than well
        ├── RequestRefused (ValueError)     any other no, with the service's own code
        │   └── WriteConditionFailed (PreconditionFailed)   an object that is there already, or another one
        ├── ObjectReplaced (ObjectChanged)  another one by now than when reading it began
        └── ServiceProblem (ConnectionError)
            ├── EndpointUnreachable         nobody answers, or not the one whose certificate is trusted
            ├── ServiceBusy                 throttled or broken, and still so after all retries
            └── TransferInterrupted         the connection broke, or what arrived is not what was sent

Those of a transfer of many objects name the first one that failed. None is chained to the SDK's own exception, whose
request holds headers and bodies.
"""

from __future__ import annotations

from strongroom import StrongroomError
from strongroom.stores import ObjectChanged, PreconditionFailed


class AwsError(StrongroomError):
    """The root of what can go wrong between Strongroom and AWS, or a store that speaks its protocols."""


class CredentialsProblem(AwsError):
    """The service was not asked, or did not listen, because of the credentials."""


class CredentialsMissing(CredentialsProblem):
    """No credentials were found where they were looked for."""


class CredentialsRejected(CredentialsProblem):
    """The service does not know the access key, or the signature made with the secret does not fit."""


class CredentialsExpired(CredentialsProblem):
    """Temporary credentials whose time is over."""


class AccessDenied(AwsError, PermissionError):
    """The credentials are good, but have no right to do this."""


class BucketNotFound(AwsError, LookupError):
    """No bucket has this name."""


class ObjectNotFound(AwsError, FileNotFoundError):
    """The bucket has no object under this key."""


class ResourceNotFound(AwsError, LookupError):
    """The account has no secret, function, queue or job of this name in this region."""


class JobFailed(AwsError):
    """A job or a function that ran and did not end well."""


class RequestRefused(AwsError, ValueError):
    """The service said no for a reason that has no class of its own; the message holds its code."""


class WriteConditionFailed(RequestRefused, PreconditionFailed):
    """A conditional write that the object there does not allow."""


class ObjectReplaced(AwsError, ObjectChanged):
    """The object is another one by now than it was when reading it began."""


class ServiceProblem(AwsError, ConnectionError):
    """The service is away or does not do its work; the same request may succeed later."""


class EndpointUnreachable(ServiceProblem):
    """No connection to the service could be made."""


class ServiceBusy(ServiceProblem):
    """The service throttles or fails, and did so through all retries."""


class TransferInterrupted(ServiceProblem):
    """The connection broke in the middle of a transfer, or what arrived fails its checksum."""
