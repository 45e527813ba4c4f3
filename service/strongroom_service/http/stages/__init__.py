"""What stands around every handler: rates, idempotency keys, approvals, wraps."""
