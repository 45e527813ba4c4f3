"""What changes seldom: documents of the service's own workspace."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from strongroom_registry.acting import acting
from strongroom_registry.errors import StaleExpectation
from strongroom_service.errors import InvalidRequest
from strongroom_service.service import Service


class Rule(BaseModel):
    text: str


def test_a_record_is_put_found_and_removed(each_service: Service) -> None:
    directory = each_service.directory
    assert directory.get("rule", "a", Rule) is None
    assert directory.put("rule", "a", Rule(text="one"), expect=0) == 1
    assert directory.put("rule", "b.c", Rule(text="two")) == 1
    assert directory.put("rule", "a", Rule(text="later"), expect=1) == 2
    found = directory.found("rule", "a", Rule)
    assert found
    assert (found.value, found.version) == (Rule(text="later"), 2)
    assert directory.names("rule") == ["a", "b.c"]
    assert directory.all("rule", Rule) == {"a": Rule(text="later"), "b.c": Rule(text="two")}
    assert directory.remove("rule", "a")
    assert not directory.remove("rule", "a")
    assert directory.get("rule", "a", Rule) is None
    assert directory.names("rule") == ["b.c"]
    assert directory.put("rule", "a", Rule(text="again"), expect=0) == 3


def test_what_is_expected_and_is_not_there_is_refused(each_service: Service) -> None:
    each_service.directory.put("rule", "a", Rule(text="one"))
    for expect in (0, 2):
        with pytest.raises(StaleExpectation, match=r"rule a (already|is not at version)"):
            each_service.directory.put("rule", "a", Rule(text="two"), expect=expect)


@pytest.mark.parametrize("name", ["", "A", "a/b", "..", "-a", "a" * 200, "é"])
def test_what_is_no_name_is_refused_and_never_there(service: Service, name: str) -> None:
    with pytest.raises(InvalidRequest):
        service.directory.put("rule", name, Rule(text="one"))
    assert service.directory.get("rule", name, Rule) is None
    assert not service.directory.remove("rule", name)


def test_another_process_sees_a_change_at_once(service: Service) -> None:
    with Service.open() as other:
        service.directory.put("rule", "a", Rule(text="one"))
        assert other.directory.get("rule", "a", Rule) == Rule(text="one")
        other.directory.put("rule", "a", Rule(text="two"))
        assert service.directory.get("rule", "a", Rule) == Rule(text="two")


def test_reading_is_the_service_s_own_and_writing_is_the_caller_s_in_the_audit(service: Service) -> None:
    with acting("user:bob"):
        service.directory.put("rule", "a", Rule(text="one"))
        service.directory.get("rule", "a", Rule)
    entries = [(e.actor, e.action) for e in service.workspaces.own.audit() if e.name == "rule.a"]
    assert ("user:bob", "put") in entries
    assert ("user:bob", "load") not in entries


def test_the_workspace_of_the_service_is_not_served(service: Service) -> None:
    assert service.workspaces.names() == ["default"]


def test_what_is_read_at_one_moment_is_of_that_moment_until_something_is_written(service: Service) -> None:
    directory = service.directory
    directory.put("rule", "a", Rule(text="one"))
    with Service.open() as other, directory.one_moment():
        assert directory.get("rule", "a", Rule) == Rule(text="one")
        other.directory.put("rule", "a", Rule(text="two"))
        assert directory.get("rule", "a", Rule) == Rule(text="one")
        with pytest.raises(StaleExpectation):
            directory.put("rule", "a", Rule(text="three"), expect=1)
        assert directory.get("rule", "a", Rule) == Rule(text="two")
    assert directory.get("rule", "a", Rule) == Rule(text="two")
