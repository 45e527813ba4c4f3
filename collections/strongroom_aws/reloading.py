"""Once more with the secret of today, where the one that was fetched before is refused."""

from __future__ import annotations

from strongroom.sources import reloading as reloading_of

from strongroom_aws.errors import CredentialsExpired, CredentialsRejected

reloading = reloading_of("credentials", refused=(CredentialsRejected, CredentialsExpired))
"""For methods of blocks whose ``credentials`` may stay elsewhere."""
