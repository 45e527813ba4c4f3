"""The transit engine: encryption, signatures and MACs with keys that never leave."""
