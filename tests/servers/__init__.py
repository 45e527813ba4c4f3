"""Real servers for the tests, each started once a session on a free port of 127.0.0.1."""
