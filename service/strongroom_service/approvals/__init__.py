"""A second person: what changes a protected thing waits until somebody else has approved it."""
