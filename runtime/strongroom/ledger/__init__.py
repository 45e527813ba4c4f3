"""What processes agree on at once: variables, artifacts, limits, requests, deployments."""

from strongroom.ledger.current import current_ledger as current_ledger
from strongroom.ledger.current import open_ledger as open_ledger
from strongroom.ledger.current import set_current_ledger as set_current_ledger
from strongroom.ledger.current import using_ledger as using_ledger
from strongroom.ledger.ledger import Ledger as Ledger
from strongroom.ledger.ledger import Session as Session
from strongroom.ledger.waiting import await_until as await_until
from strongroom.ledger.waiting import wait_until as wait_until
