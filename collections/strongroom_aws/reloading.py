"""Once more with the credentials of today, where those that were fetched before are refused."""

from __future__ import annotations

from strongroom.sources import reloading as reloading_of

from strongroom_aws.errors import CredentialsExpired, CredentialsRejected

reloading = reloading_of("credentials", refused=(CredentialsRejected, CredentialsExpired))
"""For methods of blocks with ``credentials``, and a ``_newer`` for a newer version of them."""
