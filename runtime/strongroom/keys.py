"""What keeps the outermost key of a registry: the protocol that a key provider follows, and how it says no.

A package declares one as an entry point of the group ``strongroom.key_providers``, ``scheme = "module:callable"``; see
:class:`KeyProvider`. One whose key is kept by a service starts from :class:`RemoteKeyProvider`; one that can make its
key, or put another in its place, has the methods of :class:`GeneratesKey` and :class:`RenewsKey`.
"""

from strongroom_registry.errors import InvalidKeyUri as InvalidKeyUri
from strongroom_registry.errors import KeyAbsent as KeyAbsent
from strongroom_registry.errors import KeyDenied as KeyDenied
from strongroom_registry.errors import KeyProblem as KeyProblem
from strongroom_registry.errors import KeyServiceUnreachable as KeyServiceUnreachable
from strongroom_registry.errors import KeyUnavailable as KeyUnavailable
from strongroom_registry.errors import SealBroken as SealBroken
from strongroom_registry.errors import WrongKey as WrongKey
from strongroom_registry.keys.provider import GeneratesKey as GeneratesKey
from strongroom_registry.keys.provider import KeyProvider as KeyProvider
from strongroom_registry.keys.provider import RenewsKey as RenewsKey
from strongroom_registry.keys.remote import RemoteKeyProvider as RemoteKeyProvider
