"""What runs tell OpenTelemetry: a span and durations of each flow run and task run. Needs its API package alone."""

from strongroom.telemetry.carriers import attached as attached
from strongroom.telemetry.carriers import carrier as carrier
from strongroom.telemetry.instrumentation import instrument as instrument
from strongroom.telemetry.instrumentation import uninstrument as uninstrument
