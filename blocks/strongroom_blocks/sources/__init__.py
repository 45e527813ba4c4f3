"""Secrets that stay elsewhere: the sources that references point at, and what resolves them."""
