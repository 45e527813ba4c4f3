"""Every error of the runtime; those of the floors below share their root.

StrongroomError (strongroom_registry.errors)
├── InvalidSettings (ValueError)            an environment variable that does not fit
├── MissingContextError (RuntimeError)      something that only a run has was asked for outside of one
├── ObjectNotFound (LookupError)            also each of the errors below that is called Unknown…, but for code
├── ObjectAlreadyExists (ValueError)        also each of the errors below that is called …Exists
├── RunProblem                              how a run ended, where it has no result to hand out
│   ├── FailedRun
│   ├── CrashedRun
│   ├── CancelledRun                        raised inside a run, it cancels the run
│   ├── UnfinishedRun
│   │   ├── PausedRun
│   │   └── UpstreamTaskError               an input comes from a run that did not complete
│   ├── FlowPauseTimeout (TimeoutError)     a run was paused, and nobody resumed it in time
│   └── RunTimeout (TimeoutError)
│       ├── FlowRunWaitTimeout              a run that somebody waited for is not over yet
│       ├── FlowRunTimeoutError
│       └── TaskRunTimeoutError
├── UnknownFlow (LookupError)               an entrypoint that leads to no flow
├── FlowUnloadable (ImportError)            the file or module of a flow raised an exception
├── InvalidDefinition (ValueError, TypeError)   options of a flow or task that do not fit
│   ├── InvalidNameError                    a flow's name with a character that names cannot have
│   └── ReservedArgumentError               a parameter's name that calls need for themselves
├── FlowVisualizationError                  a flow that cannot be drawn without its results
├── InvalidEvent (ValueError)               an event without a name or resource, or one that is too long
├── ParameterProblem (TypeError)            arguments of a flow or task that do not fit
│   ├── ParameterTypeError (ValueError)
│   ├── ParameterBindError
│   ├── MappingLengthMismatch
│   └── MappingMissingIterable
├── CacheKeyProblem                         inputs that give no safe cache key
├── JournalProblem                          run history
│   ├── InvalidJournalUrl (ValueError)
│   ├── JournalUnavailable                  cannot be opened or read now
│   ├── JournalForeign                      not a journal, or a corrupt file
│   ├── JournalNewer                        written by a newer version
│   ├── UnknownRun (ObjectNotFound)
│   └── AmbiguousRun (LookupError)
├── LedgerProblem                           what processes agree on at once
│   ├── InvalidLedgerUrl (ValueError)
│   ├── LedgerUnavailable                   cannot be opened or used now
│   ├── LedgerForeign                       not a ledger, or a corrupt file
│   └── LedgerNewer                         written by a newer version
├── LockNotHeld (ValueError)                a lock that somebody releases who does not have it
├── UnknownTransactionValue (ValueError)    nothing was set under this name in a transaction
├── ResultProblem
│   ├── MissingResult (LookupError)         nothing is stored there, or it was not kept
│   ├── CorruptResult                       what is stored is damaged, or no result
│   ├── ResultKeyMismatch                   sealed with another key, or for another place
│   ├── UnserializableResult (ValueError)
│   ├── ResultLocked (RuntimeError)         somebody else holds the lock of a result that is to be written
│   └── InvalidSerializer (ValueError)
├── DeploymentProblem                       flows that run by themselves
│   ├── InvalidSchedule (ValueError)        no cron expression, interval or rule, or several of them
│   ├── InvalidDeployment (ValueError)      options that do not fit, or infrastructure that is not supported
│   ├── UnknownDeployment (ObjectNotFound)
│   ├── UnknownWorkPool (ObjectNotFound)
│   ├── UnknownTask (LookupError)           an entrypoint that leads to no task
│   └── SourceUnavailable                   the code of a flow cannot be fetched
├── InterchangeProblem                      moving in or out, and configuration kept in files
│   ├── UnreadableFile (ValueError)         a file that is not what it should be; nothing of it is quoted
│   ├── UnfitDocument (ValueError)          a document in a file that cannot be saved as it stands there
│   └── UnknownImporter (LookupError)       no importer of this name is installed
├── CollectionProblem
│   ├── UnknownCollection (LookupError)     no collection of this name is installed
│   └── UnfitCollection (ValueError)        a name that a new collection cannot have, or a folder that is taken
├── CannotTravel (ValueError)               an input, result or task that cannot go to a worker, or come back
├── ScanProblem                             something that cannot be searched for secrets, or an index that is none
├── TemplateProblem (ValueError)            a template that cannot be rendered; never shows a value
├── VariableProblem (ValueError)
│   ├── InvalidVariable                     a name or value that cannot be, or that holds a secret
│   └── VariableExists (ObjectAlreadyExists)
├── ArtifactProblem
│   ├── InvalidArtifact (ValueError)        a key or content that cannot be
│   └── UnknownArtifact (ObjectNotFound)
├── ConcurrencyProblem                      limits and their slots
│   ├── InvalidLimit (ValueError)           a limit, or a request for its slots, that cannot be
│   ├── LimitExists (ObjectAlreadyExists)
│   ├── UnknownLimit (ObjectNotFound)
│   ├── ConcurrencySlotAcquisitionError     slots that are not to be had
│   ├── AcquireConcurrencySlotTimeoutError (TimeoutError)
│   └── LeaseLost                           slots that somebody else may have by now
├── NotPausable (RuntimeError)              a pause where there can be none
├── RunGoesOn (RuntimeError)                a run that is not over, where only one that is can be changed
├── NotCancellable (RuntimeError)           a run that nobody can end by itself, or that is over
├── InvalidRunInput (ValueError)            what a paused run is resumed with is not what it waits for
├── NotResumable (RuntimeError)             a run that cannot be continued
│   └── NotPausedError                      a run that waits for nobody
├── NotReplayable (RuntimeError)            a run that cannot be run again, or not from there
└── NotRemovable (RuntimeError)             a run that goes on, or is a part of another one

What ends the code of a run from outside is no error, and passes every ``except Exception``:

ExternalSignal (BaseException)
├── Cancellation                            somebody asked for the end of the run
└── TerminationSignal (SystemExit)          the process was told to end
Pause (SystemExit)                          the run was suspended, so its process ends
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom_registry.errors import StrongroomError

if TYPE_CHECKING:
    from strongroom.states import State


class InvalidSettings(StrongroomError, ValueError):
    """An environment variable that does not fit."""


class MissingContextError(StrongroomError, RuntimeError):
    """Something that only a run has was asked for outside of one."""


class ObjectNotFound(StrongroomError, LookupError):
    """What was asked for by its name or id is not there."""


class ObjectAlreadyExists(StrongroomError, ValueError):
    """Something of this name is there already."""


class UnknownFlow(StrongroomError, LookupError):
    """An entrypoint that leads to no flow."""


class FlowUnloadable(StrongroomError, ImportError):
    """The file or module of a flow raised an exception while it was loaded."""


class RunProblem(StrongroomError):
    """How a run ended, where it has no result to hand out."""


class FailedRun(RunProblem):
    """The run failed, and left no exception of its own."""


class CrashedRun(RunProblem):
    """Something other than the run's own code ended it."""


class CancelledRun(RunProblem):
    """The run was cancelled. Raised inside a run, it cancels the run."""


class UnfinishedRun(RunProblem):
    """The run is not over."""


class PausedRun(UnfinishedRun):
    """The run waits for somebody."""


class UpstreamTaskError(UnfinishedRun):
    """A run never began, because an input comes from a run that did not complete."""


class FlowPauseTimeout(RunProblem, TimeoutError):
    """A run was paused, and nobody resumed it in time."""


class RunTimeout(RunProblem, TimeoutError):
    """A run took longer than its ``timeout_seconds``."""


class FlowRunWaitTimeout(RunTimeout):
    """A run that somebody waited for is not over yet."""


class FlowRunTimeoutError(RunTimeout):
    """A flow run took longer than its ``timeout_seconds``."""


class TaskRunTimeoutError(RunTimeout):
    """A task run took longer than its ``timeout_seconds``."""


class InvalidDefinition(StrongroomError, ValueError, TypeError):
    """Options of a flow or task that do not fit together, or do not fit its function."""


class InvalidNameError(InvalidDefinition):
    """The name of a flow has a character that names cannot have."""


class ReservedArgumentError(InvalidDefinition):
    """A parameter has a name that calls of flows and tasks need for themselves."""


class FlowVisualizationError(StrongroomError):
    """A flow whose structure cannot be drawn, since its code looks into results of tasks, or fails without them."""


class InvalidEvent(StrongroomError, ValueError):
    """An event that has no name, is about nothing, is no JSON, or is too long."""


class ParameterProblem(StrongroomError, TypeError):
    """Arguments of a flow or task that do not fit."""


class ParameterTypeError(ParameterProblem, ValueError):
    """Arguments that fail validation. Says which and why, and never shows a value."""


class ParameterBindError(ParameterProblem):
    """Arguments that the function does not take, or that are missing."""


class MappingLengthMismatch(ParameterProblem):
    """``map`` over inputs of different lengths."""


class MappingMissingIterable(ParameterProblem):
    """``map`` without any input that can be iterated over."""


class CacheKeyProblem(StrongroomError):
    """Inputs that give no safe cache key, so that nothing is cached."""


class JournalProblem(StrongroomError):
    """Something is wrong with the run history."""


class InvalidJournalUrl(JournalProblem, ValueError):
    """A URL that names no journal."""


class JournalUnavailable(JournalProblem):
    """The journal cannot be opened or read now."""


class JournalForeign(JournalProblem):
    """Not a journal of Strongroom, or a corrupt file."""


class JournalNewer(JournalProblem):
    """The journal was written by a newer version of Strongroom."""


class UnknownRun(JournalProblem, ObjectNotFound):
    """No run has this id."""


class AmbiguousRun(JournalProblem, LookupError):
    """Several runs' ids start like this."""


class LedgerProblem(StrongroomError):
    """The ledger cannot do what was asked."""


class InvalidLedgerUrl(LedgerProblem, ValueError):
    """A URL that names no ledger."""


class LedgerUnavailable(LedgerProblem):
    """The ledger cannot be opened or used now."""


class LedgerForeign(LedgerProblem):
    """What lies there is no ledger, or a corrupt one."""


class LedgerNewer(LedgerProblem):
    """A newer version of Strongroom wrote it."""


class LockNotHeld(StrongroomError, ValueError):
    """A lock that somebody releases who does not have it."""


class UnknownTransactionValue(StrongroomError, ValueError):
    """Nothing was set under this name in a transaction or around it."""


class ResultProblem(StrongroomError):
    """Something is wrong with a result."""


class MissingResult(ResultProblem, LookupError):
    """Nothing is stored there, or the result was not kept."""


class CorruptResult(ResultProblem):
    """What is stored is damaged, or is no result."""


class ResultKeyMismatch(ResultProblem):
    """A result that was sealed with another key, or for another place."""


class UnserializableResult(ResultProblem, ValueError):
    """A value that the serializer cannot write."""


class ResultLocked(ResultProblem, RuntimeError):
    """Somebody else holds the lock of a result that is to be written."""


class InvalidSerializer(ResultProblem, ValueError):
    """A name that no serializer has."""


class CannotTravel(StrongroomError, ValueError):
    """An input, result or task cannot go to the worker of a task runner, or come back."""


class ScanProblem(StrongroomError):
    """Something cannot be searched for secrets, or an index of fingerprints is none."""


class TemplateProblem(StrongroomError, ValueError):
    """A template that is none, names what is not there, or would do what templates may not."""


class NotResumable(StrongroomError, RuntimeError):
    """A run that cannot be continued."""


class NotReplayable(StrongroomError, RuntimeError):
    """A run that cannot be run again with what it had, or not from there."""


class NotRemovable(StrongroomError, RuntimeError):
    """A run that goes on, or is a part of another one."""


class NotPausedError(NotResumable):
    """A run that waits for nobody."""


class NotPausable(StrongroomError, RuntimeError):
    """A pause where there can be none: outside of flow runs, or in a task."""


class RunGoesOn(StrongroomError, RuntimeError):
    """What is asked for is for runs that are over, and this one is not."""


class NotCancellable(StrongroomError, RuntimeError):
    """A run that nobody can end by itself, or that is over."""


class InvalidRunInput(StrongroomError, ValueError):
    """What a paused run is resumed with is not what it waits for. Says which field and why, and never shows a value."""


class ExternalSignal(BaseException):
    """Ends the code of a run from outside. ``original`` is what went through that code in its place, if any did."""

    def __init__(self, message: str, original: BaseException | None = None) -> None:
        super().__init__(message)
        self.original = original


class Cancellation(ExternalSignal):
    """Somebody asked for the end of the run."""

    def __init__(self, message: str = "Somebody cancelled the run.", original: BaseException | None = None) -> None:
        super().__init__(message, original)


class TerminationSignal(ExternalSignal, SystemExit):
    """The process was told to end by SIGTERM. Where nobody catches it, it does, with the code 143 as shells have it."""

    def __init__(self, message: str = "The process was told to end.", original: BaseException | None = None) -> None:
        super().__init__(message, original)
        self.code = 128 + 15


class Pause(SystemExit):
    """The run was suspended, and its process ends, with the code 0 where nobody catches this.

    ``state`` is the state to go into; ``outermost`` tells that this has left the outermost run: its caller is no run.
    """

    def __init__(self, state: State[Any]) -> None:
        super().__init__(state)
        self.code = 0
        self.state = state
        self.outermost = False

    def __str__(self) -> str:
        return self.state.message or self.state.name


class DeploymentProblem(StrongroomError):
    """Something is wrong with a flow that is to run by itself."""


class InvalidSchedule(DeploymentProblem, ValueError):
    """No cron expression, interval or recurrence rule, or several of them."""


class InvalidDeployment(DeploymentProblem, ValueError):
    """Options of a deployment that do not fit, or infrastructure that is not supported."""


class UnknownDeployment(DeploymentProblem, ObjectNotFound):
    """No deployment has this name."""


class UnknownWorkPool(DeploymentProblem, ObjectNotFound):
    """No work pool has this name."""


class UnknownTask(DeploymentProblem, LookupError):
    """An entrypoint that leads to no task."""


class SourceUnavailable(DeploymentProblem):
    """The code of a flow cannot be fetched from where it is kept."""


class InterchangeProblem(StrongroomError):
    """Something is wrong with what is moved in or out."""


class UnreadableFile(InterchangeProblem, ValueError):
    """A file that is not what it should be: no JSON or YAML, too deep, cut short. Nothing of it is quoted."""


class UnfitDocument(InterchangeProblem, ValueError):
    """A document in a file that cannot be saved as it stands there."""


class UnknownImporter(InterchangeProblem, LookupError):
    """No importer of this name is installed."""


class CollectionProblem(StrongroomError):
    """Something is wrong with a collection."""


class UnknownCollection(CollectionProblem, LookupError):
    """No collection of this name is installed."""


class UnfitCollection(CollectionProblem, ValueError):
    """A name that a new collection cannot have, or a folder that is taken."""


class VariableProblem(StrongroomError, ValueError):
    """Something is wrong with a variable."""


class InvalidVariable(VariableProblem):
    """A name or value that a variable cannot have, or a value that holds a secret."""


class VariableExists(VariableProblem, ObjectAlreadyExists):
    """A variable of this name is there already."""


class ArtifactProblem(StrongroomError):
    """Something is wrong with an artifact."""


class InvalidArtifact(ArtifactProblem, ValueError):
    """A key or content that an artifact cannot have."""


class UnknownArtifact(ArtifactProblem, ObjectNotFound):
    """No artifact has this id."""


class ConcurrencyProblem(StrongroomError):
    """Something is wrong with a limit, or with slots of it."""


class InvalidLimit(ConcurrencyProblem, ValueError):
    """A limit that cannot be, or a request for slots that none can fulfil."""


class LimitExists(ConcurrencyProblem, ObjectAlreadyExists):
    """A limit of this name is there already."""


class UnknownLimit(ConcurrencyProblem, ObjectNotFound):
    """No limit has this name."""


class ConcurrencySlotAcquisitionError(ConcurrencyProblem):
    """Slots that are not to be had, however long one waits, or not within ``max_retries``."""


class AcquireConcurrencySlotTimeoutError(ConcurrencyProblem, TimeoutError):
    """Slots were not to be had in time."""


class LeaseLost(ConcurrencyProblem):
    """The lease of slots could not be renewed, so that somebody else may have them by now."""
