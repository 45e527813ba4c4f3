"""Row 15 in short, and that it would notice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faults.figure import Work, broken

from properties import authorisation


def test_a_service_decides_as_a_plain_model_does(work_in_memory: Work) -> None:
    assert broken(list(authorisation.run(replace(work_in_memory, scale=0.05)))) == []


@pytest.mark.parametrize("mistake", ["denies are forgotten", "a listing shows all"])
def test_a_wrong_decision_is_noticed(work_in_memory: Work, monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    from strongroom_service.policies.policies import Policies
    from strongroom_service.policies.rights import HeldRule, Rights

    with authorisation.world(work_in_memory) as house:
        if mistake == "a listing shows all":
            monkeypatch.setattr(Policies, "filter", lambda self, caller, verb, workspace, names: list(names))
            assert authorisation.listed(replace(work_in_memory, scale=0.05), house).failed
            return
        decide = Rights.decide

        def careless(self: Rights, *args: object) -> object:
            allows: tuple[HeldRule, ...] = tuple(rule for rule in self.rules if not rule.denies)
            return decide(replace(self, rules=allows), *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Rights, "decide", careless)
        assert authorisation.asked(replace(work_in_memory, scale=0.2), house).failed
