"""Databases: what tasks ask of one, and what the blocks that are one share."""
