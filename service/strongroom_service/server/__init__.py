"""The processes that serve: sockets, TLS, the HTTP protocol with its limits, workers, signals."""
