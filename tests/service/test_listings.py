"""Pages of listings that are answered as they were: to whom, from where, for how long, and how many."""

from __future__ import annotations

import json
from itertools import count
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strongroom_registry import Registry, open_registry
from strongroom_service import listings as module
from strongroom_service.api.documents import Listed, list_documents
from strongroom_service.errors import Forbidden
from strongroom_service.http.call import Call
from strongroom_service.identity.caller import Caller
from strongroom_service.listings import AskedPage, Listings
from strongroom_service.policies.policy import Policy
from strongroom_service.policies.rights import Rights
from strongroom_service.service import Service
from strongroom_service.waiting import HasToWait

HERE, THERE = "10.0.0.7", "192.0.2.9"


def save(registry: Registry, name: str, payload: bytes = b"payload", **more: Any) -> None:
    registry.put(name, type="t", schema="s", payload=payload, public=b'{"word":"lake"}', overwrite=True, **more)


def policy(service: Service, name: str, *rules: dict[str, object]) -> None:
    service.directory.put("policy", name, Policy.model_validate({"rules": rules}))


def rule(effect: str, path: str, *verbs: str, **more: object) -> dict[str, object]:
    return {"effect": effect, "paths": [path], "verbs": list(verbs), **more}


def who(*policies: str, address: str = HERE, **facts: str) -> Caller:
    is_root = policies == ("root",)
    return Caller("user:x", "t", policies, MappingProxyType(facts), address, "r", is_root)


def answered(service: Service, caller: Caller, workspace: str = "default", *, may_wait: bool = True, **q: Any) -> str:
    call = Call(
        service=service,
        caller=caller,
        method="GET",
        path="",
        params={"workspace": workspace},
        query=Listed(**q),
        body=None,
        raw_body=b"",
        headers={},
        may_wait=may_wait,
    )
    try:
        content = list_documents(call).content
    except Forbidden:
        return "forbidden"
    assert content is not None
    return content.decode()


def names(page: str) -> list[str]:
    return [one["name"] for one in json.loads(page)["documents"]]


# -- what a page depends on


@pytest.fixture
def filled(service: Service) -> Service:
    for name in ("a", "b", "c"):
        save(service.registry("default"), name)
    policy(service, "all", rule("allow", "default/*", "list", "view"))
    policy(service, "names", rule("allow", "default/*", "list"))
    policy(service, "here", rule("allow", "default/*", "list", when={"addresses": ["10.0.0.0/8"]}))
    policy(service, "own", rule("allow", "default/{{identity.name}}", "list"))
    return service


def test_a_page_is_put_together_once_while_nothing_changes(filled: Service) -> None:
    caller = who("all")
    with pytest.raises(HasToWait):
        answered(filled, caller, may_wait=False)
    page = answered(filled, caller)
    for _ in range(2):
        assert answered(filled, who("all"), may_wait=False) == page
        assert answered(filled, who("all"), limit=2, glob="*") != page
    save(filled.registry("default"), "d")
    with pytest.raises(HasToWait):
        answered(filled, caller, may_wait=False)
    assert names(answered(filled, caller)) == ["a", "b", "c", "d"]


def test_nobody_gets_the_page_of_somebody_with_other_rights(filled: Service) -> None:
    everything = answered(filled, who("all"))
    assert answered(filled, who("root")) == everything
    outlines = answered(filled, who("names"))
    assert names(outlines) == names(everything)
    assert '"public"' in everything
    assert json.loads(outlines)["documents"][0] != json.loads(everything)["documents"][0]
    for name in ("a", "b", "a"):
        assert names(answered(filled, who("own", name=name))) == [name]
    assert answered(filled, who("absent")) == "forbidden"
    assert answered(filled, who("all")) == everything


def test_from_another_network_it_is_another_page(filled: Service) -> None:
    for _ in range(2):
        assert names(answered(filled, who("here", address=HERE))) == ["a", "b", "c"]
        assert answered(filled, who("here", address=THERE)) == "forbidden"
        assert answered(filled, who("here", address="")) == "forbidden"
        assert names(answered(filled, who("here", "own", address=THERE, name="b"))) == ["b"]
        assert names(answered(filled, who("here", "own", address=HERE, name="b"))) == ["a", "b", "c"]


def test_of_another_workspace_it_is_another_page(filled: Service) -> None:
    filled.workspaces.add("second")
    save(filled.registry("second"), "z")
    for _ in range(2):
        assert names(answered(filled, who("root"))) == ["a", "b", "c"]
        assert names(answered(filled, who("root"), "second")) == ["z"]
    filled.workspaces.remove("second", force=True)
    filled.workspaces.add("second")
    assert names(answered(filled, who("root"), "second")) == []


def test_a_search_is_made_anew_each_time(filled: Service) -> None:
    for _ in range(2):
        with pytest.raises(HasToWait):
            answered(filled, who("all"), search="lake", may_wait=False)
        assert names(answered(filled, who("all"), search="lake")) == ["a", "b", "c"]
    assert names(answered(filled, who("names"), search="lake")) == []
    assert not filled.listings._pages


def test_another_process_changes_what_is_on_a_page(filled: Service) -> None:
    page = answered(filled, who("all"))
    with open_registry() as other:
        save(other, "a", b"later")
        later = answered(filled, who("all"))
        assert later != page
        other.delete("b")
        assert names(answered(filled, who("all"))) == ["a", "c"]
        assert names(answered(filled, who("all"), deleted=True)) == ["a", "b", "c"]


STEPS = st.one_of(
    st.tuples(st.just("save"), st.sampled_from("abcd")),
    st.tuples(st.just("delete"), st.sampled_from("abc")),
    st.tuples(st.just("label"), st.sampled_from("abc")),
    st.tuples(
        st.just("policy"),
        st.sampled_from(["p", "q"]),
        st.sampled_from(["allow", "deny"]),
        st.sampled_from(["*", "a", "b*", "{{identity.name}}"]),
        st.booleans(),
    ),
    st.tuples(st.just("gone"), st.sampled_from(["p", "q"])),
)
_workspaces = count()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
def test_a_page_that_was_kept_is_what_it_would_be_anew(service: Service, steps: list[tuple[Any, ...]]) -> None:
    workspace = f"w{next(_workspaces)}"
    registry = service.workspaces.add(workspace)
    for name in "abc":
        save(registry, name)
    callers = [
        who(*policies, address=address, name=name)
        for policies in (("p",), ("p", "q"), ("q",))
        for address in (HERE, THERE)
        for name in ("a", "b")
    ]
    for step in [("policy", "p", "allow", "*", False), *steps]:
        change(service, registry, workspace, step)
        kept = service.listings
        for caller in (*callers, who("root")):
            for query in ({}, {"limit": 2}, {"glob": "b*", "deleted": True}):
                pages = [answered(service, caller, workspace, **query) for _ in range(2)]  # type: ignore[arg-type]
                service.__dict__["listings"] = Listings()
                anew = answered(service, caller, workspace, **query)  # type: ignore[arg-type]
                service.__dict__["listings"] = kept
                assert pages == [anew, anew], (step, caller, query)


def change(service: Service, registry: Registry, workspace: str, step: tuple[Any, ...]) -> None:
    what, *more = step
    if what == "save":
        save(registry, more[0])
    elif what == "delete" and registry.exists(more[0]):
        registry.delete(more[0])
    elif what == "label" and registry.exists(more[0]):
        registry.label(more[0], f"l{registry.head(more[0]).current}")
    elif what == "policy":
        name, effect, glob, is_bound = more
        when = {"when": {"addresses": ["10.0.0.0/8"]}} if is_bound else {}
        policy(service, name, rule(effect, f"{workspace}/{glob}", "list", *(["view"] if glob == "*" else []), **when))
    elif what == "gone":
        service.directory.remove("policy", more[0])


# -- how many are kept


def asked(after: str = "") -> AskedPage:
    return AskedPage("default", "*", None, False, after, 100, HERE)


def sizes(listings: Listings) -> tuple[int, int]:
    return len(listings._pages), sum(len(page.content) for page in listings._pages.values())


def test_as_many_pages_are_kept_as_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGES", 5)
    monkeypatch.setattr(module, "_PAGES_BYTES", 1000)
    listings = Listings()
    for number in range(100):
        listings.keep_page(asked(f"{number}"), b"r", None, b"x" * (number * 7 % 400))
        kept, held = sizes(listings)
        assert kept <= 5
        assert held == listings._pages_bytes <= 1000
    listings.keep_page(asked("small"), b"r", None, b"x")
    assert listings.page(asked("small"), b"r", None) == b"x"
    listings.keep_page(asked("huge"), b"r", None, b"x" * 1001)
    assert listings.page(asked("huge"), b"r", None) is None
    assert sizes(listings) == (0, 0)
    assert listings._pages_bytes == 0


def test_a_page_that_is_kept_again_counts_once() -> None:
    listings = Listings()
    for size in (500, 20, 300):
        listings.keep_page(asked(), b"r", None, b"x" * size)
        assert sizes(listings) == (1, size)
        assert listings._pages_bytes == size
    assert listings.page(asked(), b"other", None) is None


def test_the_page_of_rights_that_are_gone_is_nobodys() -> None:
    """Other rights can lie in the same place of memory."""
    listings, held, other = Listings(), Rights((), ("a",)), Rights((), ("b",))
    listings.keep_page(asked(), b"r", held, b"page")
    listings._pages[asked(), id(other)] = listings._pages.pop((asked(), id(held)))
    assert listings.page(asked(), b"r", other) is None
    del held
    assert listings.page(asked(), b"r", other) is None
    assert listings.page(asked(), b"r", None) is None
