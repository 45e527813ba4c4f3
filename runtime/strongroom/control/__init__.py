"""Running flows from outside: signals, requests of other processes, pauses."""
