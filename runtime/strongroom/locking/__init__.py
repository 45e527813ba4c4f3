"""Locks under names: of one process, of one machine, or of all that share a ledger."""
