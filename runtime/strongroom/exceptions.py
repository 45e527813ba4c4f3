"""``prefect.exceptions`` under its name: the errors that scripts catch; :mod:`strongroom.errors` has them all."""

from strongroom_registry.errors import StrongroomError

from strongroom.errors import CacheKeyProblem as HashError  # noqa: F401
from strongroom.errors import CancelledRun as CancelledRun
from strongroom.errors import CrashedRun as CrashedRun
from strongroom.errors import ExternalSignal as ExternalSignal
from strongroom.errors import FailedRun as FailedRun
from strongroom.errors import FlowPauseTimeout as FlowPauseTimeout
from strongroom.errors import FlowRunWaitTimeout as FlowRunWaitTimeout
from strongroom.errors import FlowUnloadable as ScriptError  # noqa: F401
from strongroom.errors import InvalidNameError as InvalidNameError
from strongroom.errors import InvalidSettings as ConfigurationError  # noqa: F401
from strongroom.errors import MappingLengthMismatch as MappingLengthMismatch
from strongroom.errors import MappingMissingIterable as MappingMissingIterable
from strongroom.errors import MissingContextError as MissingContextError
from strongroom.errors import MissingResult as MissingResult
from strongroom.errors import NotPausedError as NotPausedError
from strongroom.errors import ObjectAlreadyExists as ObjectAlreadyExists
from strongroom.errors import ObjectNotFound as ObjectNotFound
from strongroom.errors import ParameterBindError as ParameterBindError
from strongroom.errors import ParameterBindError as SignatureMismatchError  # noqa: F401
from strongroom.errors import ParameterTypeError as ParameterTypeError
from strongroom.errors import Pause as Pause
from strongroom.errors import PausedRun as PausedRun
from strongroom.errors import ReservedArgumentError as ReservedArgumentError
from strongroom.errors import TerminationSignal as TerminationSignal
from strongroom.errors import UnfinishedRun as UnfinishedRun
from strongroom.errors import UnknownFlow as MissingFlowError  # noqa: F401
from strongroom.errors import UnserializableResult as SerializationError  # noqa: F401
from strongroom.errors import UpstreamTaskError as UpstreamTaskError

PrefectException = StrongroomError
FlowWaitTimeout = FlowRunWaitTimeout
