"""``prefect.utilities.annotations`` under its name; see :mod:`strongroom.annotations`."""

from strongroom.annotations import allow_failure as allow_failure
from strongroom.annotations import opaque as opaque
from strongroom.annotations import quote as quote
from strongroom.annotations import unmapped as unmapped
