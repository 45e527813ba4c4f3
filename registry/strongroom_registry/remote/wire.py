"""What a registry's client and server say to each other, as both write and read it. Bytes are base64, URL-safe."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from strongroom_registry.audit import AuditEntry
from strongroom_registry.document import Document, DocumentState, Head, Version, VersionState

PAYLOAD_MAX = 64 * 1024 * 1024 - 4
PUBLIC_MAX = 1024 * 1024
MESSAGE_MAX = 4096
NAMED_MAX = 1024 * 1024
"""The most data that a name is asked for, in bytes."""
PAGE_MAX = 1000
HEARTBEAT_SECONDS = 10.0
"""How often a server says that it is there, to those who follow changes."""

_BYTES = ConfigDict(
    ser_json_bytes="base64", val_json_bytes="base64", serialize_by_alias=True, hide_input_in_errors=True
)


def _bytes(value: object) -> object:
    """Text is base64 whether it was read as JSON here or by another one before."""
    return b64decode(value, altchars=b"-_", validate=True) if isinstance(value, str) else value


Bytes = Annotated[
    bytes,
    BeforeValidator(_bytes),
    Field(json_schema_extra={"format": "base64url", "pattern": "^[A-Za-z0-9_-]*={0,2}$"}),
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$", max_length=128)]
Label = Annotated[str, Field(pattern=r"^[a-z](?:[a-z0-9._-]{0,62}[a-z0-9])?$", max_length=64)]
Number = Annotated[int, Field(ge=1, le=999_999_999)]
Message = Annotated[str, Field(max_length=MESSAGE_MAX)]


class Asked(BaseModel):
    """What a client sends: nothing that the server does not know."""

    model_config = ConfigDict(**_BYTES, extra="forbid", frozen=True)


class Told(BaseModel):
    """What a server answers: a later one may say more."""

    model_config = ConfigDict(**_BYTES, extra="ignore", frozen=True)


class Draft(Asked):
    """A version to save; see ``Registry.put``."""

    type: Name
    schema_: Annotated[str, Field(alias="schema", min_length=1, max_length=255)]
    payload: Annotated[Bytes, Field(max_length=PAYLOAD_MAX, repr=False)]
    public: Annotated[Bytes, Field(max_length=PUBLIC_MAX)] = b""
    message: Message = ""
    overwrite: bool = False
    expect: Annotated[int, Field(ge=0, le=999_999_999)] | None = None
    retype: bool = False
    labels: Annotated[list[Label], Field(max_length=64)] = []
    references: Annotated[list[Annotated[str, Field(max_length=400)]], Field(max_length=4096)] = []
    expires_at: AwareDatetime | None = None
    pending: bool = False


class LabelPlace(Asked):
    """The version that a label is put on: the current one, if none is named."""

    version: Number | None = None


class Promotion(Asked):
    """Which version is to be the current one."""

    version: Number
    expect: Annotated[int, Field(ge=0, le=999_999_999)] | None = None
    message: Message = ""


class Destruction(Asked):
    """Which version is destroyed; all of them, if none is named."""

    version: Number | None = None


class NewWorkspace(Asked):
    """The name of a workspace to make."""

    name: Name


class AnchorLine(Asked):
    """Where a workspace stood: the line that an anchor is."""

    anchor: Annotated[str, Field(max_length=1000)]


class RotationOrder(Asked):
    """Which keys are renewed; ``older_than_seconds`` limits the level ``data`` to versions saved longer ago."""

    level: Literal["workspace", "data"]
    older_than_seconds: Annotated[float, Field(ge=0, le=100 * 366 * 86400)] | None = None


class SealingStart(Asked):
    """What values of a session begin with."""

    start: Annotated[Bytes, Field(min_length=60, max_length=60)]


class ToName(Asked):
    """What a name is asked for."""

    data: Annotated[Bytes, Field(max_length=NAMED_MAX, repr=False)]


class Fault(Told):
    """An error: its class as ``snake_case``, what is wrong, what can be done."""

    code: str
    message: str
    remedy: str = ""


class VersionTold(Told):
    """One version of a document, without its payload."""

    document: str
    number: int
    generation: int
    type: str
    schema_: Annotated[str, Field(alias="schema")]
    state: VersionState
    created_at: datetime
    actor: str
    message: str
    labels: list[str]
    public: Bytes
    references: list[str]
    expires_at: datetime | None

    @classmethod
    def of(cls, version: Version) -> VersionTold:
        return cls.model_construct(
            document=version.document,
            number=version.number,
            generation=version.generation,
            type=version.type,
            schema_=version.schema,
            state=version.state,
            created_at=version.created_at,
            actor=version.actor,
            message=version.message,
            labels=list(version.labels),
            public=version.public,
            references=list(version.references),
            expires_at=version.expires_at,
        )

    def version(self) -> Version:
        return Version(
            document=self.document,
            number=self.number,
            generation=self.generation,
            type=self.type,
            schema=self.schema_,
            state=self.state,
            created_at=self.created_at,
            actor=self.actor,
            message=self.message,
            labels=tuple(self.labels),
            public=self.public,
            references=tuple(self.references),
            expires_at=self.expires_at,
        )


class DocumentTold(Told):
    """An opened version, with its payload."""

    id: UUID
    version: VersionTold
    payload: Annotated[Bytes, Field(repr=False)]

    @classmethod
    def of(cls, document: Document) -> DocumentTold:
        return cls.model_construct(id=document.id, version=VersionTold.of(document.version), payload=document.payload)

    def document(self) -> Document:
        return Document(self.id, self.version.version(), self.payload)


class HeadTold(Told):
    """What a document is now. Who may list it and not view it gets ``public``, ``labels``, ``references``, ``schema``
    and dates empty."""

    name: str
    id: UUID
    type: str
    generation: int
    current: int
    state: DocumentState
    labels: dict[str, int] = {}
    updated_at: datetime | None = None
    public: Bytes = b""
    quarantine: str | None = None
    schema_: Annotated[str, Field(alias="schema")] = ""
    created_at: datetime | None = None
    references: list[str] = []
    expires_at: datetime | None = None

    @classmethod
    def of(cls, head: Head) -> HeadTold:
        return cls.model_construct(
            name=head.name,
            id=head.id,
            type=head.type,
            generation=head.generation,
            current=head.current,
            state=head.state,
            labels=dict(head.labels),
            updated_at=head.updated_at,
            public=head.public,
            quarantine=head.quarantine,
            schema_=head.schema,
            created_at=head.created_at,
            references=list(head.references),
            expires_at=head.expires_at,
        )

    @classmethod
    def outline(cls, head: Head) -> HeadTold:
        """No more of it than that it is there."""
        return cls.model_construct(
            name=head.name,
            id=head.id,
            type=head.type,
            generation=head.generation,
            current=head.current,
            state=head.state,
            quarantine=head.quarantine,
        )

    def head(self) -> Head:
        return Head(
            name=self.name,
            id=self.id,
            type=self.type,
            generation=self.generation,
            current=self.current,
            state=self.state,
            labels=self.labels,
            updated_at=self.updated_at,
            public=self.public,
            quarantine=self.quarantine,
            schema=self.schema_,
            created_at=self.created_at,
            references=tuple(self.references),
            expires_at=self.expires_at,
        )


class Heads(Told):
    """Documents by name; ``next`` is the cursor of the page that follows, if there is one."""

    documents: list[HeadTold]
    next: str | None = None


class Names(Told):
    """Names, sorted; ``next`` is the cursor of the page that follows, if there is one."""

    names: list[str]
    next: str | None = None


class Versions(Told):
    """Versions, the newest first; ``next`` is the cursor of the page that follows, if there is one."""

    versions: list[VersionTold]
    next: str | None = None


class Users(Told):
    """Versions of documents, as ``name@3``."""

    users: list[str]


class EntryTold(Told):
    """One entry of the audit."""

    seq: int
    at: datetime
    actor: str
    action: str
    outcome: str
    name: str
    document: UUID | None
    version: int | None
    label: str
    message: str
    count: int

    @classmethod
    def of(cls, entry: AuditEntry) -> EntryTold:
        return cls.model_construct(**{name: getattr(entry, name) for name in cls.model_fields})

    def entry(self) -> AuditEntry:
        return AuditEntry(**{name: getattr(self, name) for name in type(self).model_fields})


class Entries(Told):
    """Entries of the audit, the newest first; ``next`` is the cursor of the page that follows, if there is one."""

    entries: list[EntryTold]
    next: str | None = None


class AuditTold(Told):
    """What checking the audit found."""

    entries: int
    first_bad: int | None
    problem: Fault | None


class ProblemTold(Told):
    """One row that is not as it was left."""

    name: str
    version: int | None
    error: Fault


class VerificationTold(Told):
    """What going through everything found."""

    documents: int
    versions: int
    problems: list[ProblemTold]


class AnchorTold(Told):
    """Where a workspace stands, as a line that says so."""

    anchor: str


class AnchorChecked(Told):
    """What holding a workspace against an anchor showed; no problem where it comes of what that says."""

    problem: Fault | None


class WrapTold(Told):
    """One wrap of a workspace's key."""

    epoch: int
    provider: str
    fingerprint: str
    created_at: datetime
    state: str


class Wraps(Told):
    """The wraps of a workspace's keys, the newest epoch first."""

    keys: list[WrapTold]


class EpochTold(Told):
    """How much of a workspace still uses an epoch's key."""

    epoch: int
    heads: int
    versions: int


class WrapChecked(Told):
    """Whether a wrap of the current key opens."""

    wrap: WrapTold
    opens: bool | None
    problem: str


class RemovedTold(Told):
    """A wrap that was removed."""

    removed_at: datetime
    provider: str
    fingerprint: str


class KeysChecked(Told):
    """What checking a workspace's keys found."""

    used: list[EpochTold]
    wraps: list[WrapChecked]
    removed: list[RemovedTold]


class ProgressTold(Told):
    """How far a rotation is."""

    epoch: int
    done: int
    total: int


class RotationTold(Told):
    """What a rotation did."""

    level: Literal["workspace", "data"]
    epoch: int
    versions: int
    resealed: int
    heads: int
    retired: list[int]
    problems: list[ProblemTold]
    resumed: bool
    scrubbed: bool


class SessionTold(Told):
    """A session of sealing: what its values begin with, the key that they are sealed with, and for how many seconds new
    values may be."""

    start: Bytes
    key: Annotated[Bytes, Field(repr=False)]
    seconds: int


class KeyTold(Told):
    """The key that values of a session are sealed with."""

    key: Annotated[Bytes, Field(repr=False)]


class Named(Told):
    """A name to know data again by, and what it was under earlier keys, the latest first."""

    name: str
    former: list[str]


class WorkspaceTold(Told):
    """A workspace. ``seq`` counts its changes; ``quarantine`` is why it cannot be trusted, if it cannot."""

    name: str
    id: UUID
    seq: int | None
    quarantine: str | None = None


class Workspaces(Told):
    """Workspaces by name; ``next`` is the cursor of the page that follows, if there is one."""

    workspaces: list[WorkspaceTold]
    next: str | None = None


class Whereabouts(Told):
    """A workspace as a client opens it: the ids that everything in it is bound to, and its revision, which is another
    one after each change of a document."""

    name: str
    id: UUID
    store_id: UUID
    revision: str
