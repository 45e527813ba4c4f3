"""Block: a typed, encrypted, versioned document that is loaded by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from copy import deepcopy
from inspect import isabstract
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from strongroom_blocks import catalog, documents, origin, validation
from strongroom_blocks.awaited import awaitable_too
from strongroom_blocks.environment import environment_of
from strongroom_blocks.errors import BlockValidationError
from strongroom_blocks.identity import Identity
from strongroom_blocks.schema import Upgrade, declare_upgrade
from strongroom_blocks.sources.acceptance import validator_for
from strongroom_blocks.sources.secret_reference import holds_reference
from strongroom_blocks.twins import async_twin

if TYPE_CHECKING:
    from datetime import datetime

    from strongroom_registry.document import Head, Reference, Version

U = TypeVar("U", bound=Upgrade)

# Names that BaseModel keeps for code written for pydantic 1, and that databases and files have fields of.
warnings.filterwarnings(
    "ignore", r'Field name "(schema|json|copy|dict|validate|construct)" in ".*" shadows an attribute in parent "Block"'
)


class Block(BaseModel):
    """A typed, encrypted, versioned document: a pydantic model that is saved and loaded by name.

    A subclass declares fields as any pydantic model does; what is a secret says so by its type (``SecretStr``,
    ``SecretBytes``, ``pydantic.Secret[T]``, ``SecretDict``), at any depth. Class keywords:

    - ``slug``: names the type in the registry; by default the class name, ``CrmApi`` → ``crm-api``.
    - ``title``, ``icon``: for people. The description is the docstring.
    - ``schema_version``: counted up when old documents need an :meth:`upgrade`.
    - ``public=False``: keeps a public projection of the non-secret fields from standing beside the sealed document.

    ``_block_type_slug`` and ``_block_type_name`` as attributes do what ``slug`` and ``title`` do.

    Every method that does I/O has an asynchronous twin: ``save``/``asave``, ``load``/``aload``.
    """

    __slots__ = ("__strongroom_origin__",)

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, validate_assignment=True, validate_default=True
    )
    __block__: ClassVar[Identity]

    if TYPE_CHECKING:

        def __init_subclass__(
            cls,
            *,
            slug: str | None = None,
            title: str | None = None,
            icon: str | None = None,
            schema_version: int = 1,
            public: bool = True,
            **config: Any,
        ) -> None: ...

    else:

        def __init_subclass__(cls, **keywords: Any) -> None:
            """pydantic calls ``__pydantic_init_subclass__`` with the same keywords once the class is complete."""
            super().__init_subclass__()

        def __init__(self, /, **data: Any) -> None:
            try:
                validator_for(type(self), data).validate_python(data, self_instance=self)
            except ValidationError as error:
                refusal = validation.refusal(type(self), error, data)
            else:
                validation.keep_out_of_logs(self)
                return
            data = None
            raise refusal

        __init__.__pydantic_base_init__ = True  # keeps validation of nested blocks out of Python

        def __setattr__(self, name: str, value: Any) -> None:
            try:
                if holds_reference(value) and name in type(self).__pydantic_fields__:
                    validator_for(type(self), value).validate_assignment(self, name, value)
                else:
                    super().__setattr__(name, value)
            except ValidationError as error:
                refusal = validation.refusal(type(self), error, {name: value})
            else:
                if name in type(self).__pydantic_fields__:
                    validation.keep_out_of_logs(self)
                return
            value = None
            raise refusal

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        slug: str | None = None,
        icon: str | None = None,
        schema_version: int = 1,
        public: bool | None = None,
        **config: Any,
    ) -> None:
        generic = cls.__pydantic_generic_metadata__["origin"]
        if generic is not None:
            cls.__block__ = generic.__dict__["__block__"]
            return
        parent: type[Block] = next(base for base in cls.__mro__[1:] if issubclass(base, Block))
        slug = slug or _underscored(cls, parent, "_block_type_slug")
        title = cls.model_config.get("title")
        own_title = title if title != parent.model_config.get("title") else None
        own_title = own_title or _underscored(cls, parent, "_block_type_name")
        inherited: Identity | None = parent.__dict__.get("__block__")
        public = public if public is not None else inherited is None or inherited.public
        cls.__block__ = Identity.of(cls.__name__, slug, own_title, icon, schema_version, public)
        if not isabstract(cls):
            catalog.declare(cls)

    @classmethod
    def get_block_type_slug(cls) -> str:
        """What names the type in the registry."""
        return cls.__block__.slug

    @classmethod
    def get_block_type_name(cls) -> str:
        """What the type is called for people."""
        return cls.__block__.title

    @classmethod
    def get_description(cls) -> str:
        """What the type is for: its own docstring."""
        return catalog.description(cls)

    def block_initialization(self) -> None:
        """For subclasses: called when a block was made or loaded, by pydantic's ``model_post_init``."""

    def model_post_init(self, context: Any, /) -> None:
        """pydantic's: what there is to do once the fields are set."""
        self.block_initialization()

    @awaitable_too
    def save(
        self,
        name: str,
        *,
        message: str = "",
        overwrite: bool = False,
        expect: int | None = None,
        retype: bool = False,
        labels: Iterable[str] = (),
        expires_at: datetime | None = None,
        pending: bool = False,
    ) -> Version:
        """Save under a name, as version 1 or, with ``overwrite`` or ``expect``, as the next version.

        :param name: 1 to 128 of ``a-z 0-9 - _ .``, unique in the workspace.
        :param message: what this version is for; shown in the history, so never a secret.
        :param expect: compare-and-set: the version that must be current; 0 means that the name must be free.
        :param retype: allow a name to change its type.
        :param labels: labels that move to the new version in the same transaction.
        :param expires_at: when what is in it stops working, with its time zone; see ``strongroom block due``.
        :param pending: label the new version ``pending`` instead of making it the current one; see :meth:`promote`.
        :raises NameTaken: the name is in use and neither ``overwrite`` nor ``expect`` is given (a ``ValueError``).
        :raises StaleExpectation: ``expect`` is not the current version.
        :raises BlockNotStorable: a value would not come back as it is; nothing was written.
        """
        return documents.save(
            self,
            name,
            message=message,
            overwrite=overwrite,
            expect=expect,
            retype=retype,
            labels=labels,
            expires_at=expires_at,
            pending=pending,
        )

    asave: ClassVar = async_twin(save)

    @classmethod
    @awaitable_too
    def load(cls, reference: str) -> Self:
        """Load by reference: ``name``, ``name@3``, ``name@label``, each with an optional ``type-slug/`` before.

        ``Block.load`` returns the type that the document was saved as; a subclass's ``load`` also asserts it.

        :raises UnknownBlock: there is no such document; names that look alike are named.
        :raises UnknownBlockType: the class of the document is nowhere to be found.
        :raises WrongBlockType: the document is of another type.
        :raises SchemaMismatch: the document was written by an older class, and no upgrade leads to this one.
        """
        return documents.load(cls, reference)

    @classmethod
    @async_twin
    def aload(cls, reference: str) -> Self:
        """The asynchronous twin of :meth:`load`."""
        return documents.load(cls, reference)

    @classmethod
    @awaitable_too
    def delete(cls, name: str, *, message: str = "", cascade: bool = False) -> Head:
        """Delete a document. It can be brought back (``strongroom block undelete``) until it is destroyed.

        :param cascade: delete the documents that refer to it as well, and those that refer to these.
        :raises DocumentInUse: others refer to it, and ``cascade`` is not given.
        """
        return documents.delete(cls, name, message, cascade)

    @classmethod
    @async_twin
    def adelete(cls, name: str, *, message: str = "", cascade: bool = False) -> Head:
        """The asynchronous twin of :meth:`delete`."""
        return documents.delete(cls, name, message, cascade)

    @classmethod
    def used_by(cls, name: str) -> list[Reference]:
        """The versions, current or labelled, of documents that refer to this one."""
        return documents.used_by(cls, name)

    @classmethod
    @async_twin
    def aused_by(cls, name: str) -> list[Reference]:
        """The asynchronous twin of :meth:`used_by`."""
        return documents.used_by(cls, name)

    @classmethod
    def history(cls, name: str) -> list[Version]:
        """All versions of a document, newest first, without their values."""
        return documents.history(cls, name)

    @classmethod
    @async_twin
    def ahistory(cls, name: str) -> list[Version]:
        """The asynchronous twin of :meth:`history`."""
        return documents.history(cls, name)

    @classmethod
    def label(cls, name: str, label: str, version: int | None = None) -> Head:
        """Put a label on a version (the current one unless told otherwise), so that ``name@label`` loads it."""
        return documents.label(cls, name, label, version)

    @classmethod
    @async_twin
    def alabel(cls, name: str, label: str, version: int | None = None) -> Head:
        """The asynchronous twin of :meth:`label`."""
        return documents.label(cls, name, label, version)

    @classmethod
    def promote(cls, name: str, version: int, *, expect: int | None = None, message: str = "") -> Head:
        """Make a version the current one: one that was saved as pending, or an older one again.

        :raises StaleExpectation: ``expect`` is not the current version.
        """
        return documents.promote(cls, name, version, expect, message)

    @classmethod
    @async_twin
    def apromote(cls, name: str, version: int, *, expect: int | None = None, message: str = "") -> Head:
        """The asynchronous twin of :meth:`promote`."""
        return documents.promote(cls, name, version, expect, message)

    @classmethod
    def exists(cls, name: str) -> bool:
        """Whether a live document of this name exists, of this type where asked of a subclass."""
        return documents.exists(cls, name)

    @classmethod
    @async_twin
    def aexists(cls, name: str) -> bool:
        """The asynchronous twin of :meth:`exists`."""
        return documents.exists(cls, name)

    @classmethod
    def upgrade(cls, from_version: int) -> Callable[[U], U]:
        """Declare how fields written at ``from_version`` of the schema become those of the next version.

        Decorates a function from a dict of field values to a dict of field values; secrets are plain in it::

            @CrmApi.upgrade(from_version=1)
            def _(fields):
                fields["token"] = fields.pop("api_key")
                return fields
        """
        return declare_upgrade(cls, from_version)

    def environment(self) -> dict[str, str]:
        """The fields as environment variables for a child process, secrets in clear: ``PROD_CRM_TOKEN``.

        Variables are named by the document (by the type, for a block that is not saved) and the field, in upper case.
        A type whose tools read other names overrides this.
        """
        return environment_of(self)

    @classmethod
    def model_validate(cls, obj: Any, **keywords: Any) -> Self:
        """As pydantic's, but raises :class:`BlockValidationError`, which holds no input."""
        validate = validator_for(cls, obj).validate_python if holds_reference(obj) else super().model_validate
        outcome: Self | BlockValidationError = validation.guarded(cls, validate, obj, keywords)
        obj = None
        if isinstance(outcome, BlockValidationError):
            raise outcome
        return outcome

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **keywords: Any) -> Self:
        """As pydantic's, but raises :class:`BlockValidationError`, which holds no input."""
        outcome = validation.guarded(cls, super().model_validate_json, json_data, keywords)
        json_data = ""
        if isinstance(outcome, BlockValidationError):
            raise outcome
        return outcome

    @classmethod
    def model_validate_strings(cls, obj: Any, **keywords: Any) -> Self:
        """As pydantic's, but raises :class:`BlockValidationError`, which holds no input."""
        outcome = validation.guarded(cls, super().model_validate_strings, obj, keywords)
        obj = None
        if isinstance(outcome, BlockValidationError):
            raise outcome
        return outcome

    def __eq__(self, other: object) -> bool:
        """Whether the fields are equal; what a block keeps privately, such as an open connection, does not count."""
        if not isinstance(other, Block) or origin.generic_of(type(self)) is not origin.generic_of(type(other)):
            return NotImplemented
        names = type(self).__pydantic_fields__
        return all(self.__dict__.get(name) == other.__dict__.get(name) for name in names)

    def __copy__(self) -> Self:
        return origin.carry(self, super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy with private attributes of its own: locks and open connections cannot be copied."""
        twin = type(self).__new__(type(self))
        object.__setattr__(twin, "__dict__", deepcopy(self.__dict__, memo))
        object.__setattr__(twin, "__pydantic_fields_set__", set(self.__pydantic_fields_set__))
        object.__setattr__(twin, "__pydantic_extra__", deepcopy(self.__pydantic_extra__, memo))
        object.__setattr__(twin, "__pydantic_private__", None)
        twin.model_post_init(None)
        return origin.carry(self, twin)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return documents.pickled(self)


def _underscored(cls: type[Block], parent: type[Block], name: str) -> str | None:
    """What the class itself says by an attribute, ``_block_type_slug = "crm"``: how types written for Prefect do."""
    own, inherited = cls.__private_attributes__.get(name), parent.__private_attributes__.get(name)
    return own.default if own is not None and own is not inherited and isinstance(own.default, str) else None
