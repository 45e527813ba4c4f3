"""Policies in Vault's language, which say what a token may do beneath ``/v1``."""
