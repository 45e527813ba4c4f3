"""Finding values of stored secrets in files, logs and git history, without telling them."""

from strongroom.scanning.findings import Finding as Finding
from strongroom.scanning.findings import Scan as Scan
from strongroom.scanning.findings import Skipped as Skipped
from strongroom.scanning.fingerprints import FingerprintMatcher as FingerprintMatcher
from strongroom.scanning.fingerprints import read_index as read_index
from strongroom.scanning.fingerprints import write_index as write_index
from strongroom.scanning.sought import Sought as Sought
from strongroom.scanning.sought import sought_secrets as sought_secrets
from strongroom.scanning.values import ValueMatcher as ValueMatcher
