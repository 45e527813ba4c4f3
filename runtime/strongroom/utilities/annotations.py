"""``prefect.utilities.annotations`` under its name; see :mod:`strongroom.annotations`."""

from strongroom.annotations import Annotation as BaseAnnotation  # noqa: F401
from strongroom.annotations import NotSet as NotSet
from strongroom.annotations import allow_failure as allow_failure
from strongroom.annotations import freeze as freeze
from strongroom.annotations import opaque as opaque
from strongroom.annotations import quote as quote
from strongroom.annotations import unmapped as unmapped
