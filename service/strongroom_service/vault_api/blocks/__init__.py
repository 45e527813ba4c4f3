"""Blocks, to be read as if they were secrets of a KV mount of version 2."""
