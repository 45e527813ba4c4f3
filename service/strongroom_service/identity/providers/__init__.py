"""Who vouches for people and machines besides the service itself: OpenID Connect, Kubernetes, AWS."""
