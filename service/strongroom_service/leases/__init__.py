"""Short-lived credentials, made on demand and taken back when their time is over."""

from strongroom_service.leases.engine import Durations as Durations
from strongroom_service.leases.engine import Engine as Engine
from strongroom_service.leases.engine import Grant as Grant
from strongroom_service.leases.engine import Issued as Issued
from strongroom_service.leases.engine import Naming as Naming
from strongroom_service.leases.lease import Lease as Lease
from strongroom_service.leases.lease import LeaseState as LeaseState
from strongroom_service.leases.leases import Leases as Leases
from strongroom_service.leases.leases import Made as Made
from strongroom_service.leases.reaper import Reaper as Reaper
from strongroom_service.leases.role import LeaseRole as LeaseRole
