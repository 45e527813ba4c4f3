"""What the service keeps: records that change often, and a directory of what changes seldom. All of it is sealed."""
