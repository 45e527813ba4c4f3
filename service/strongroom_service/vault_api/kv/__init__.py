"""Key-value mounts, version 1 and 2: each secret a document of the mount's own workspace."""
