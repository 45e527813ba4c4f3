"""Who may do what: verbs, resources, policies, and why a request is allowed or refused."""

from strongroom_service.policies.decision import Decision, RuleName
from strongroom_service.policies.policies import Policies
from strongroom_service.policies.policy import Effect, Policy, Rule
from strongroom_service.policies.resource import Resource, Selected
from strongroom_service.policies.verbs import Verb

__all__ = ["Decision", "Effect", "Policies", "Policy", "Resource", "Rule", "RuleName", "Selected", "Verb"]
