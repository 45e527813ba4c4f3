"""``/api/v1/workspaces/{workspace}/documents``: what a registry has, seen, revealed and changed."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic import BaseModel, Field
from strongroom_registry import Registry
from strongroom_registry.document import Document, Head, Reference, Version, check_label, check_name
from strongroom_registry.errors import DocumentInUse
from strongroom_registry.remote import wire

from strongroom_service.api.paging import Page
from strongroom_service.api.reach import require_reach
from strongroom_service.api.received import RECEIVED
from strongroom_service.errors import Forbidden, InvalidRequest
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.preconditions import expected_version
from strongroom_service.http.route import Route
from strongroom_service.listings import AskedPage
from strongroom_service.policies.resource import Resource, Selected, block
from strongroom_service.policies.verbs import Verb
from strongroom_service.policies.versions import selected
from strongroom_service.waiting import HasToWait
from strongroom_service.workspaces import is_of_mount

_TOLD_KEPT = 4096
_ABOUT_TO_BE = 0
"""The number of a version that is only about to be made: no rule names it."""


class Listed(Page):
    """Which documents are listed."""

    glob: str = Field("*", max_length=200, description="What their names fit: `*`, `?`, `[seq]`.")
    type: str | None = Field(None, max_length=128, description="Their type.")
    deleted: bool = Field(False, description="Whether those that are deleted or destroyed are listed too.")
    search: str = Field("", max_length=1000, description="A text that their public fields hold.")


class Chosen(BaseModel):
    """The version that is meant: by its number or a label; the current one, if neither is said."""

    model_config = RECEIVED

    version: wire.Number | None = None
    label: str | None = Field(None, max_length=64)
    type: str | None = Field(None, max_length=128, description="The type that it has to be of.")


class Deletion(BaseModel):
    """How a document is deleted."""

    model_config = RECEIVED

    message: str = Field("", max_length=wire.MESSAGE_MAX, description="Why; it stands in the audit.")
    cascade: bool = Field(False, description="Whether those that use it are deleted as well, and those that use these.")


def list_documents(call: Call) -> Answer:
    asked: Listed = call.query
    workspace = check_name(call.params["workspace"])
    require_reach(call, workspace)
    registry = call.registry(workspace)
    if asked.search:
        if not call.may_wait:
            raise HasToWait
        return Answer(content=_page(call, asked, tuple(registry.search(asked.search))))
    listings, caller = call.service.listings, call.caller
    which = AskedPage(workspace, asked.glob, asked.type, asked.deleted, asked.after, asked.limit, caller.address)
    rights = None if caller.is_root else call.service.policies.rights(caller)
    revision = call.service.revision(workspace)
    content = listings.page(which, revision, rights)
    if content is None:
        if not call.may_wait:
            raise HasToWait
        content = _page(call, asked, listings.of(registry, asked.glob, type=asked.type, deleted=asked.deleted))
        listings.keep_page(which, revision, rights, content)
    return Answer(content=content)


def _page(call: Call, asked: Listed, heads: tuple[Head, ...]) -> bytes:
    """What a caller is told of documents on a page."""
    verb = Verb.VIEW if asked.search else Verb.LIST  # who may not see a text is not to find it
    known = set(_allowed(call, verb, [head.name for head in heads]))
    shown, last = asked.cut([head for head in heads if head.name in known and head.name > asked.after])
    seen = set(_allowed(call, Verb.VIEW, [head.name for head in shown]))
    told = b",".join(call.service.listings.told(head, outline=head.name not in seen) for head in shown)
    more = json.dumps(last.name if last else None).encode()
    return b'{"documents":[%s],"next":%s}' % (told, more)


def list_names(call: Call) -> Answer:
    require_reach(call, check_name(call.params["workspace"]))
    page: Page = call.query
    names = _allowed(call, Verb.LIST, _registry(call).names())
    shown, more = page.cut([name for name in names if name > page.after])
    return Answer(wire.Names(names=list(shown), next=more))


def view(call: Call) -> Answer:
    registry, name = _asked(call, Verb.VIEW)
    told = wire.HeadTold.of(registry.head(name))
    return _tagged(call, told, told.current)


def loaded_by_reveal(values: tuple[str, ...], query: bytes) -> tuple[str, Reference] | None:
    """What :func:`reveal` will load."""
    return None if query else (values[0], Reference(values[1]))


def reveal(call: Call) -> Answer:
    workspace, name, chosen = call.params["workspace"], check_name(call.params["name"]), call.query
    if chosen.version is not None and chosen.label is not None:
        raise InvalidRequest("A version and a label exclude each other.", "Name the version that is meant once.")
    label = None if chosen.label in (None, "latest") else check_label(chosen.label)
    type_ = None if chosen.type is None else check_name(chosen.type)
    reference = Reference(name, type_, chosen.version, label)
    document = _revealed(call, workspace, reference)
    told = _told.of(document)
    if _is_known(call, told.tag):
        return Answer(status=304, headers={"ETag": told.tag})
    payload = urlsafe_b64encode(document.payload)
    return Answer(content=b'%s,"payload":"%s"}' % (told.beginning, payload), headers={"ETag": told.tag})


def history(call: Call) -> Answer:
    registry, name = _asked(call, Verb.VIEW)
    page: Page = call.query
    after = _number(page.after)
    shown, last = page.cut([one for one in registry.history(name) if after is None or one.number < after])
    more = str(last.number) if last else None
    return Answer(wire.Versions.model_construct(versions=[wire.VersionTold.of(one) for one in shown], next=more))


def list_users(call: Call) -> Answer:
    registry, name = _asked(call, Verb.VIEW)
    users = registry.used_by(name)
    known = set(_allowed(call, Verb.LIST, [user.name for user in users]))
    return Answer(wire.Users(users=[str(user) for user in users if user.name in known]))


def save(call: Call) -> Answer:
    registry, name = _asked(call, Verb.WRITE)
    draft: wire.Draft = call.body
    for label in draft.labels:
        call.require(Verb.LABEL, _labelled(call, name, label, lambda: _ABOUT_TO_BE))
    version = registry.put(
        name,
        type=draft.type,
        schema=draft.schema_,
        payload=draft.payload,
        public=draft.public,
        message=draft.message,
        overwrite=draft.overwrite,
        expect=_expected(call, draft.expect),
        retype=draft.retype,
        labels=draft.labels,
        references=draft.references,
        expires_at=draft.expires_at,
        pending=draft.pending,
    )
    return Answer(wire.VersionTold.of(version))


def put_label(call: Call) -> Answer:
    name, label = check_name(call.params["name"]), check_label(call.params["label"])
    reference = Reference(name, version=call.body.version)
    number = lambda: selected(_registry(call).head(name), reference).version  # noqa: E731
    _require(call, Verb.LABEL, _labelled(call, name, label, number))
    return _changed(call, _registry(call).label(name, label, call.body.version))


def take_label(call: Call) -> Answer:
    name, label = check_name(call.params["name"]), check_label(call.params["label"])
    reference = Reference(name, label=label)
    number = lambda: selected(_registry(call).head(name), reference).version  # noqa: E731
    _require(call, Verb.LABEL, _labelled(call, name, label, number))
    return _changed(call, _registry(call).unlabel(name, label))


def promote(call: Call) -> Answer:
    registry, name = _asked(call, Verb.WRITE)
    asked: wire.Promotion = call.body
    head = registry.promote(name, asked.version, expect=_expected(call, asked.expect), message=asked.message)
    return _changed(call, head)


def delete(call: Call) -> Answer:
    registry, name = _asked(call, Verb.DELETE)
    if call.query.cascade:
        _require_of_users(call, registry, name)
    try:
        return _changed(call, registry.delete(name, message=call.query.message, cascade=call.query.cascade))
    except DocumentInUse as refusal:
        users = [user.name for user in registry.used_by(name)]
        if len(_allowed(call, Verb.LIST, users)) == len(users):
            raise
        raise DocumentInUse(f"{name} is used by documents that are not for you to see.", refusal.remedy) from None


def undelete(call: Call) -> Answer:
    registry, name = _asked(call, Verb.DELETE)
    return _changed(call, registry.undelete(name))


def destroy(call: Call) -> Answer:
    name, version = check_name(call.params["name"]), call.body.version
    chosen: Callable[[], Selected] | None = None
    if version is not None:
        reference = Reference(name, version=version)
        chosen = lambda: selected(_registry(call).head(name), reference)  # noqa: E731
    _require(call, Verb.DESTROY, block(call.params["workspace"], name, chosen))
    return _changed(call, _registry(call).destroy(name, version))


def _registry(call: Call) -> Registry:
    """The workspace; one that is not there is refused by the policies first, unless they would allow it."""
    return call.registry(call.params["workspace"])


def _asked(call: Call, verb: Verb) -> tuple[Registry, str]:
    name = call.params["name"]
    _require(call, verb, block(call.params["workspace"], name))
    return _registry(call), name


def _require(call: Call, verb: Verb, resource: Resource) -> None:
    """Let pass what the caller's policies allow. What an engine of Vault's API keeps has rules of its own, such as that
    a key is never shown: it is neither revealed nor changed here, whatever policies say."""
    call.require(verb, resource)
    workspace = call.params["workspace"]
    if verb is not Verb.VIEW and is_of_mount(workspace):
        raise Forbidden(
            f"The documents of {workspace} belong to a mount of Vault's API.", "Use its own paths beneath /v1."
        )


def _allowed(call: Call, verb: Verb, names: list[str]) -> list[str]:
    return call.service.policies.filter(call.caller, verb, call.params["workspace"], names)


def _revealed(call: Call, workspace: str, reference: Reference) -> Document:
    """The document. Where a rule about its version was asked, it is the version that was decided about, whatever labels
    were moved since."""
    asked: list[int] = []

    def chosen() -> Selected:
        found = selected(call.registry(workspace).head(reference.name), reference)
        asked.append(found.version)
        return found

    _require(call, Verb.REVEAL, block(workspace, reference.name, chosen))
    return _registry(call).get(reference.pinned(asked[-1]) if asked else reference)


def _labelled(call: Call, name: str, label: str, number: Callable[[], int]) -> Resource:
    """The version that a label is put on or taken from, which is known by this label alone."""
    return block(call.params["workspace"], name, lambda: Selected(number(), frozenset({label})))


def _require_of_users(call: Call, registry: Registry, name: str) -> None:
    """Whoever deletes all that use a document may delete each of them."""
    found, waiting = {name}, [name]
    while waiting:
        for user in registry.used_by(waiting.pop()):
            if user.name not in found:
                resource = block(call.params["workspace"], user.name)
                if not any(
                    call.service.decide(call.caller, verb, resource).allowed for verb in (Verb.LIST, Verb.DELETE)
                ):
                    raise Forbidden(
                        f"Documents that are not for you to see use {name}, or what uses it.",
                        "Ask somebody who may delete them.",
                    )
                call.require(Verb.DELETE, resource)
                found.add(user.name)
                waiting.append(user.name)


def _expected(call: Call, expect: int | None) -> int | None:
    condition = expected_version(call.headers)
    if condition is not None and expect is not None and condition != expect:
        raise InvalidRequest("If-Match and `expect` name different versions.", "Send one of them.")
    return expect if condition is None else condition


def _changed(call: Call, head: Head) -> Answer:
    """What became of a document, as far as the caller may see it."""
    may_view = call.service.decide(call.caller, Verb.VIEW, block(call.params["workspace"], head.name)).allowed
    return Answer(wire.HeadTold.of(head) if may_view else wire.HeadTold.outline(head))


class _Beginning(NamedTuple):
    """What is told of a revealed version but for its payload, in the shape of :class:`wire.DocumentTold`."""

    version: Version
    beginning: bytes
    tag: str


class _Told:
    """What was told of versions, kept as long as the registry gives the same object for them."""

    def __init__(self) -> None:
        self._kept: dict[int, _Beginning] = {}

    def of(self, document: Document) -> _Beginning:
        known = self._kept.get(id(document.version))
        if known is not None and known.version is document.version:
            return known
        version = wire.VersionTold.of(document.version)
        beginning = b'{"id":"%s","version":%s' % (str(document.id).encode(), version.model_dump_json().encode())
        made = _Beginning(document.version, beginning, _tag(document.version.number, _digest(version)))
        if len(self._kept) >= _TOLD_KEPT:
            self._kept = {}
        self._kept[id(document.version)] = made
        return made


_told = _Told()


def _digest(told: BaseModel) -> str:
    return sha256(told.model_dump_json().encode()).hexdigest()[:32]


def _tagged(call: Call, told: BaseModel, number: int) -> Answer:
    """An answer under an ``ETag``: the number of its version, and what else of it can change. A payload cannot."""
    tag = _tag(number, _digest(told))
    if _is_known(call, tag):
        return Answer(status=304, headers={"ETag": tag})
    return Answer(told, headers={"ETag": tag})


def _tag(number: int, digest: str) -> str:
    return f'"{number}-{digest}"'


def _is_known(call: Call, tag: str) -> bool:
    known = call.headers.get("if-none-match")
    return known is not None and tag in [text.strip() for text in known.split(",")]


def _number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdecimal():
        raise InvalidRequest("`after` is not understood.", "Send the `next` of the page before.")
    return int(text)


_ALL = "/api/v1/workspaces/{workspace}/documents"
_ONE = f"{_ALL}/{{name}}"
_TAGS = ("documents",)
_IF = (
    "`If-Match` with an ETag that was given has it done only if that version is still the current one; "
    "`If-None-Match: *` only if there is no such document."
)
_NOT_THERE = (404, 410)
_REFUSED = (404, 409, 410, 412)


def _one(method: str, path: str, handler: Callable[[Call], Answer], summary: str, **more: Any) -> Route:
    return Route(method=method, path=f"{_ONE}{path}", handler=handler, summary=summary, tags=_TAGS, **more)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=_ALL,
        handler=list_documents,
        summary="List documents by name, without secrets.",
        description="Those that the caller may list; whether he may `view` one decides how much of it is told. "
        "With `search`, those that he may view whose public fields hold a text.",
        query=Listed,
        answer=wire.Heads,
        is_quick=True,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/api/v1/workspaces/{workspace}/names",
        handler=list_names,
        summary="List the names of documents, also of those that are deleted. Nothing of them is verified.",
        query=Page,
        answer=wire.Names,
        tags=_TAGS,
        errors=(404,),
    ),
    _one(
        "GET",
        "",
        view,
        "See what a document is now, without secrets.",
        answer=wire.HeadTold,
        is_quick=True,
        errors=(304, 404),
    ),
    _one(
        "GET",
        "/payload",
        reveal,
        "Reveal a version: with its payload.",
        description="Asks for the right `reveal`. The answer is in the audit before it is sent, as is one that says "
        "with 304 that what `If-None-Match` names is still it.",
        query=Chosen,
        answer=wire.DocumentTold,
        records="",
        loads=loaded_by_reveal,
        is_quick=True,
        errors=(304, *_NOT_THERE, 409),
    ),
    _one(
        "GET",
        "/versions",
        history,
        "List all versions, the newest first.",
        query=Page,
        answer=wire.Versions,
        errors=(404,),
    ),
    _one("GET", "/users", list_users, "List the documents that refer to this one.", answer=wire.Users, errors=(404,)),
    _one(
        "PUT",
        "",
        save,
        "Save a document, or another version of it.",
        description=_IF,
        body=wire.Draft,
        answer=wire.VersionTold,
        is_large=True,
        errors=_REFUSED,
    ),
    _one(
        "DELETE",
        "",
        delete,
        "Delete a document, in a way that can be undone.",
        query=Deletion,
        answer=wire.HeadTold,
        errors=_REFUSED,
    ),
    _one("POST", "/undelete", undelete, "Bring a deleted document back.", answer=wire.HeadTold, errors=_REFUSED),
    _one(
        "POST",
        "/destroy",
        destroy,
        "Destroy a version, or all of them, for good.",
        body=wire.Destruction,
        answer=wire.HeadTold,
        errors=_REFUSED,
    ),
    _one(
        "POST",
        "/promote",
        promote,
        "Make another version the current one.",
        description=_IF,
        body=wire.Promotion,
        answer=wire.HeadTold,
        errors=_REFUSED,
    ),
    _one(
        "PUT",
        "/labels/{label}",
        put_label,
        "Put a label on a version.",
        body=wire.LabelPlace,
        answer=wire.HeadTold,
        errors=_REFUSED,
    ),
    _one("DELETE", "/labels/{label}", take_label, "Take a label away.", answer=wire.HeadTold, errors=_REFUSED),
)
