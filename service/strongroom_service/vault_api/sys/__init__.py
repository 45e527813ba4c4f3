"""What Vault has beneath ``/v1/sys``: mounts, policies, health, seal, and the like."""
