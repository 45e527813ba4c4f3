"""Listings in pages: which one is asked for, and what is behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field
from strongroom_registry.remote.wire import PAGE_MAX

from strongroom_service.api.received import RECEIVED
from strongroom_service.http.call import Call
from strongroom_service.policies.resource import Resource
from strongroom_service.policies.verbs import Verb

T = TypeVar("T")

After = Annotated[str, Field(max_length=300, description="The `next` of the page before.")]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX, description="How many, at most.")]


class Page(BaseModel):
    """Which page of a listing. What is listed is in order, and ``after`` is the last of the page before."""

    model_config = RECEIVED

    after: After = ""
    limit: Limit = 100

    def cut(self, found: Sequence[T]) -> tuple[Sequence[T], T | None]:
        """What is on the page, of all that follows ``after``, or one more than the page holds; and the last of it, if
        there is a page behind it."""
        shown = found[: self.limit]
        return shown, shown[-1] if len(found) > len(shown) else None


def page_of_names(call: Call, names: Iterable[str], at: Callable[[str], Resource]) -> tuple[Sequence[str], str | None]:
    """The page that ``call`` asks for, of those names that its caller may list; and the cursor of the page behind it.

    :param names: all that there are, in order.
    :param at: what a name is of.
    """
    page: Page = call.query
    behind = (name for name in names if name > page.after)
    return page.cut([name for name in behind if call.service.decide(call.caller, Verb.LIST, at(name)).allowed])
