"""The module names of Prefect's client under which scripts import the types of runs; there is no client here."""
