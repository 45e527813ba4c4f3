"""A registry that a server keeps: the same interface, over HTTP. Knows nothing of the server's code."""
