"""The service: one registry for a team, over HTTP."""
