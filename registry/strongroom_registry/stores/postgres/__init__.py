"""A store in PostgreSQL, for registries that many machines share."""

from strongroom_registry.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
