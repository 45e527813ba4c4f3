"""Who may use the service: tokens, people, machines, and how they prove who they are."""
