"""A client for what runs left behind, under the names of Prefect's; there is no server behind it, only the history."""
