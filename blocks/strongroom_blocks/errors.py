"""Every error of the blocks.

StrongroomError (of the registry)
└── BlockError
    ├── BlockValidationError (ValueError)       values that do not fit the type; never shows them
    ├── BlockNotStorable (ValueError)           a value that would not come back as it is
    ├── BlockNotSaved (ValueError)              something needs a reference and there is none
    ├── BlockCycle (ValueError)                 blocks that hold each other, or too deep
    ├── UnknownBlockType (LookupError)          no class answers for a type slug
    ├── AmbiguousBlockType (LookupError)        two classes do
    ├── WrongBlockType (TypeMismatch)           a document of another type than the one asked for
    ├── SchemaMismatch (BlockValidationError)   an old document that fits no upgrade
    ├── SchemaNewer                             a document written by a newer class
    ├── UnknownField (LookupError)              a path that leads to no field
    ├── AmbiguousVariable (ValueError)          two fields that would be one environment variable
    ├── InvalidKey (ValueError)                 a path that is no key, or leaves its folder
    ├── InvalidName (ValueError)                what is no name of a table or column, or names two columns
    ├── ObjectChanged (OSError)                 an object or a file that is another one in the middle of a transfer
    ├── ObjectNotYet (TimeoutError)             an object that was waited for in vain
    ├── PreconditionFailed                      a write on a condition that does not hold
    ├── InvalidSecretReference (ValueError)     a text that is no reference to a secret, or of no known source
    ├── RotationNotPossible (ValueError)        a credential that cannot be given a new value in this way
    ├── CheckFailed                             what a block stands for does not work
    │   ├── CheckAbsent                         it is not there
    │   ├── CheckDenied                         it is there and refuses
    │   ├── CheckUnreachable                    nobody answered
    │   └── SourceProblem                       a source of secrets has no answer to a reference
    │       ├── SecretAbsent (CheckAbsent)
    │       ├── SecretDenied (CheckDenied)
    │       ├── SourceUnreachable (CheckUnreachable)
    │       ├── SourceMisconfigured             a setting of a source does not fit
    │       └── SecretUnfit (ValueError)        the secret came and does not fit its field
    └── MissingExtra (ImportError)              an optional package is not installed
UnknownDocument (of the registry)
└── UnknownBlock (BlockError)                   no document of this name; near ones are named
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from strongroom_registry.errors import StrongroomError, TypeMismatch, UnknownDocument


class BlockError(StrongroomError):
    """The root of what can go wrong with blocks."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field: its dotted path, pydantic's error type, the reason in words; never the input."""

    field: str
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class BlockValidationError(BlockError, ValueError):
    """Values that do not fit the type. Names fields and reasons; holds no input, as inputs may be secrets."""

    def __init__(self, problem: str, remedy: str = "", problems: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(problem, remedy)
        self.problems = problems

    def __reduce__(self) -> tuple[type[StrongroomError], tuple[object, ...]]:  # type: ignore[override]
        return type(self), (self.problem, self.remedy, self.problems)


class SchemaMismatch(BlockValidationError):
    """A document of an older schema that neither fits the class as it is nor through its upgrades."""


class SchemaNewer(BlockError):
    """A document that was written by a newer schema version than the class has."""


class BlockNotStorable(BlockError, ValueError):
    """A value that would not come back from storage as it is."""


class BlockNotSaved(BlockError, ValueError):
    """A block that has no reference, where one is needed: never saved, or changed since."""


class BlockCycle(BlockError, ValueError):
    """Blocks that hold each other by reference, or are nested beyond the cap."""


class UnknownBlock(BlockError, UnknownDocument):
    """No document has this name."""


class UnknownBlockType(BlockError, LookupError):
    """No class that is loaded, named in settings or declared by a package answers for this type."""


class AmbiguousBlockType(BlockError, LookupError):
    """Two classes from different modules answer for one type."""


class WrongBlockType(BlockError, TypeMismatch):
    """The document is of another type than the one that was asked for."""


class UnknownField(BlockError, LookupError):
    """A path that leads to no field of a block, or a setting that is none."""


class AmbiguousVariable(BlockError, ValueError):
    """Two parts of a block would be one environment variable."""


class InvalidKey(BlockError, ValueError):
    """A path that is no key of an object store, or that leaves its folder."""


class InvalidName(BlockError, ValueError):
    """A text that is no name of a table or a column, or one that two columns have."""


class MissingExtra(BlockError, ImportError):
    """An optional package is not installed."""


class ObjectChanged(BlockError, OSError):
    """An object that was replaced while it was read, or a file that changed while it was uploaded."""


class ObjectNotYet(BlockError, TimeoutError):
    """The object that was waited for did not come in time."""


class PreconditionFailed(BlockError):
    """A conditional write that was refused: there is an object already, or it is not the one that was expected."""


class InvalidSecretReference(BlockError, ValueError):
    """A text that is no reference to a secret, or one of a source that is not installed."""


class RotationNotPossible(BlockError, ValueError):
    """A credential that cannot be given a new value in this way."""


class CheckFailed(BlockError):
    """What a block stands for does not work. ``word`` says in which of three ways: absent, denied, unreachable."""

    word = "failed"


class CheckAbsent(CheckFailed):
    """It is not there: no such host name, bucket, file, database, secret."""

    word = "absent"


class CheckDenied(CheckFailed):
    """Somebody answered and said no: a wrong password, a missing permission."""

    word = "denied"


class CheckUnreachable(CheckFailed):
    """Nobody answered within the time, or what answered did not make sense."""

    word = "unreachable"


class SourceProblem(CheckFailed):
    """A source of secrets has no answer to a reference. Its message names the reference, never a value."""

    def of(self, address: str) -> Self:
        """The same problem, as the answer to one reference: ``address`` is the whole of it, scheme and all."""
        return type(self)(f'The secret "{address}" is {self.word}: {self.problem}', self.remedy)


class SecretAbsent(SourceProblem, CheckAbsent):
    """The source answered: there is no such secret, or not this field or version of it."""


class SecretDenied(SourceProblem, CheckDenied):
    """The source answered: who asks may not read the secret."""


class SourceUnreachable(SourceProblem, CheckUnreachable):
    """The source did not answer within the time, or not in a way that makes sense."""


class SourceMisconfigured(SourceProblem):
    """What is set for a source does not fit: no number of seconds, credentials that come from the source itself."""

    word = "misconfigured"


class SecretUnfit(SourceProblem, ValueError):
    """The source answered, and what it holds does not fit the field that points at it. Never shows the value."""

    word = "unfit"
