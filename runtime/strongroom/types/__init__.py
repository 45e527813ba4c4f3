"""The module names of Prefect under which scripts import types."""
