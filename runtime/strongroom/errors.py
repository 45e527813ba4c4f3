"""Every error of the runtime; those of the floors below share their root.

StrongroomError (strongroom_registry.errors)
├── InvalidSettings (ValueError)            an environment variable that does not fit
├── MissingContextError (RuntimeError)      something that only a run has was asked for outside of one
├── JournalProblem                          run history
│   ├── InvalidJournalUrl (ValueError)
│   ├── JournalUnavailable                  cannot be opened or read now
│   ├── JournalForeign                      not a journal, or a corrupt file
│   ├── JournalNewer                        written by a newer version
│   ├── UnknownRun (LookupError)
│   └── AmbiguousRun (LookupError)
├── ResultProblem
│   ├── MissingResult (LookupError)         nothing is stored there, or it was not kept
│   ├── CorruptResult                       what is stored is damaged, or no result
│   ├── ResultKeyMismatch                   sealed with another key, or for another place
│   ├── UnserializableResult (ValueError)
│   └── InvalidSerializer (ValueError)
└── NotResumable (RuntimeError)             a run that cannot be continued
"""

from __future__ import annotations

from strongroom_registry.errors import StrongroomError


class InvalidSettings(StrongroomError, ValueError):
    """An environment variable that does not fit."""


class MissingContextError(StrongroomError, RuntimeError):
    """Something that only a run has was asked for outside of one."""


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


class UnknownRun(JournalProblem, LookupError):
    """No run has this id."""


class AmbiguousRun(JournalProblem, LookupError):
    """Several runs' ids start like this."""


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


class InvalidSerializer(ResultProblem, ValueError):
    """A name that no serializer has."""


class NotResumable(StrongroomError, RuntimeError):
    """A run that cannot be continued."""
