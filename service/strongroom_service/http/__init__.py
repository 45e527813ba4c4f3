"""The service over HTTP: routes as tables, what every request goes through, and one shape of errors."""
