"""How the models of what is received are configured: they know all that they take, and no error shows a value."""

from __future__ import annotations

from pydantic import ConfigDict

RECEIVED = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
