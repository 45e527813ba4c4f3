"""A subset of Vault's HTTP API at ``/v1``, for tools that know Vault."""
