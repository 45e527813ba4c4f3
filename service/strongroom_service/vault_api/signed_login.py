"""``auth/jwt``, ``auth/kubernetes`` and other mounts of their types: logins with what another service has signed.

What is believed, and who gets what, is set of providers, which are Strongroom's own; the ``role`` of a login names one.
"""

from __future__ import annotations

from strongroom_service.errors import Unauthenticated
from strongroom_service.http.call import Answer
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import WRITES, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, invalid
from strongroom_service.vault_api.mount import EngineDefaults, Mount
from strongroom_service.vault_api.token_view import auth_of

_JWT_MAX = 32 * 1024


class SignedLogin(EngineDefaults):
    """Answers beneath mounts of jwt and kubernetes: ``login`` alone."""

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        """Answer a login.

        :raises UnknownThing: it is none.
        """
        if rest != "login" or call.operation not in WRITES:
            raise absent("no handler for route: providers are set with Strongroom's own API")
        service, path = call.service, f"auth/{mount.path}/login"
        role, text = fields.text(call.body, "role", longest=128), fields.text(call.body, "jwt", longest=_JWT_MAX)
        log_in = service.logins.kubernetes if mount.type == "kubernetes" else service.logins.jwt
        try:
            issued = log_in(role, text)
        except Unauthenticated as refusal:
            service.record(call.caller, "login", "Unauthenticated", path, message=refusal.why)
            refused = invalid("the role or the token is not valid, or not here and now")
            refused.is_recorded = True
            raise refused from None
        service.record(call.caller, "login", name=path, message=f"{issued.record.identity}#{issued.accessor}")
        return answered(call, None, auth=auth_of(service, issued.accessor, issued.record, issued.token.text))

    def is_open(self, mount: Mount, rest: str) -> bool:
        """Logins are."""
        return rest == "login"
