"""Once more with the secret of today, where the one that was fetched before is refused."""

from __future__ import annotations

from strongroom.sources import reloading as reloading_of

from strongroom_gcp.errors import GcpLoginMissing, GcpLoginRefused

REFUSED = (GcpLoginRefused, GcpLoginMissing)
"""What says that a login is not accepted; a malformed key is one to fetch anew, too."""

reloading = reloading_of("gcp_credentials", refused=REFUSED)
"""For methods of blocks whose ``gcp_credentials`` may stay elsewhere."""
