"""``strongroom identity``: the group. One kind of identity, one file: ``identity_<kind>.py``."""

from __future__ import annotations

from strongroom.cli.teaching import group

from strongroom_service.cli import identity_approle, identity_people, identity_provider


@group(
    "identity",
    aliases={"users": "user", "accounts": "account", "groups": "group", "approles": "approle", "providers": "provider"},
    examples="""
        strongroom identity group set analysts --policy readers
        strongroom identity user set alice --group analysts
        strongroom identity user password alice
        strongroom identity account set ci --policy deploy
        strongroom identity approle set etl --policy readers --secret-id-ttl 24h
        strongroom identity approle secret-id etl
        strongroom identity provider write okta okta.yaml
    """,
)
def identity() -> None:
    """Say who is known, and how they log in.

    There are people, accounts of machines, groups, roles that machines log in as, and those who vouch for others. What
    somebody may do is said by policies, which identities name. Whoever is disabled or removed is locked out at once,
    with all tokens.
    """


for _group in (
    identity_people.user,
    identity_people.account,
    identity_people.group_,
    identity_approle.approle,
    identity_provider.provider,
):
    identity.add_command(_group)
