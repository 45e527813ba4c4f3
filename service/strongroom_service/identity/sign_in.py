"""How people sign in with a name and a password."""

from __future__ import annotations

from strongroom_registry.errors import StaleExpectation

from strongroom_service.errors import InvalidRequest, Unauthenticated, UnknownThing
from strongroom_service.identity.grant import Grant, Issued
from strongroom_service.identity.lockout import Lockout
from strongroom_service.identity.passwords import Passwords, Proof
from strongroom_service.identity.people import User
from strongroom_service.identity.sign_in_name import canonical_name
from strongroom_service.identity.tokens import Tokens
from strongroom_service.state.directory import Directory
from strongroom_service.state.records import Records


class SignIn:
    """Signs users in. Safe to use from several threads and processes."""

    def __init__(self, directory: Directory, records: Records, tokens: Tokens) -> None:
        self._directory = directory
        self._records = records
        self._tokens = tokens
        self._passwords = Passwords(directory)
        self._lockout = Lockout(records)

    def login(self, name: str, password: str, address: str) -> Issued:
        """A token for a user who knows his password.

        :raises TooManyRequests: it was tried too often.
        :raises Unauthenticated: always the same outside, with the same work; ``why`` is for the audit.
        """
        user = canonical_name(name)
        self._lockout.attempt(user, address)
        proof = self._passwords.proved(user, password, self._records.now())
        record = self._directory.get("user", user, User)
        if record is None:  # the name is not written down: people type passwords there
            raise _refused("no user has this name")
        if proof is None or record.disabled:
            raise _refused(f"user:{user}: {'disabled' if proof else 'wrong password'}")
        self._lockout.succeeded(user, address)
        return self._tokens.issue(
            Grant(
                identity=f"user:{user}",
                origin=f"user.{user}",
                facts={"name": user, "kind": "user"},
                name=user,
                path="login/password",
                makers=proof.makers,
            ),
            still=lambda: self._passwords.is_still(user, proof),
        )

    def set_password(self, user: str, password: str, *, makers: tuple[str, ...] = ()) -> None:
        """Give a user a password. All tokens that he has end.

        :param makers: who could know it besides him.
        :raises UnknownThing: there is no such user.
        :raises InvalidRequest: the password is too short or too long, or his name.
        """
        self._set(user, password, makers, None)

    def change_password(self, user: str, current: str, new: str, address: str) -> None:
        """Have a user change his own password. Raises as :meth:`login` and :meth:`set_password`."""
        self._lockout.attempt(user, address)
        proof = self._passwords.proved(user, current, self._records.now())
        if proof is None:
            raise _refused(f"user:{user}: wrong password")
        self._lockout.succeeded(user, address)
        try:
            self._set(user, new, proof.makers, proof)  # any of them could do this
        except StaleExpectation:
            raise _refused(f"user:{user}: the password was changed meanwhile") from None

    def _set(self, user: str, password: str, makers: tuple[str, ...], after: Proof | None) -> None:
        if canonical_name(password) == user:
            raise InvalidRequest("The password is the name.", "Choose one that nobody guesses.")
        self._check_there(user)
        self._passwords.set(user, password, self._records.now(), makers=makers, after=after)
        try:
            self._check_there(user)
        except UnknownThing:  # removed meanwhile; a later user of the name is somebody else
            self._passwords.remove(user)
            raise
        self._tokens.revoke_identity(f"user:{user}")

    def _check_there(self, user: str) -> None:
        if self._directory.get("user", user, User) is None:
            raise UnknownThing("There is no such user.", "'strongroom identity user ls' lists those that there are.")

    def has_password(self, user: str) -> bool:
        """Whether a user can sign in with a password."""
        return self._passwords.has(user)

    def remove_password(self, user: str) -> bool:
        """Take a user's password away; whether there was one."""
        return self._passwords.remove(user)


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(
        "The name or the password is wrong.", "Check both; after a few attempts there is a pause.", why=why
    )
