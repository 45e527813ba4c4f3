"""For collections: the clients that a process keeps open, one for each login."""

from strongroom_blocks.client_pool import ClientPool as ClientPool
