"""Rotating credentials: what to derive from, and what to call."""

from strongroom_blocks.credential_rotation import CredentialRotation, Step, rotate_credential
from strongroom_blocks.types.postgresql_password import PostgreSQLPassword

__all__ = ["CredentialRotation", "PostgreSQLPassword", "Step", "rotate_credential"]
