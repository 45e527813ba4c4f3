"""Commands of the service; the root of the command line names them by their path."""
