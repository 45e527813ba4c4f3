"""Who may do what: verbs, resources, policies, and why a request is allowed or refused."""
