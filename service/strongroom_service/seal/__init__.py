"""Whether the server has the key of the registry, and how it comes by it."""
