"""Real workers are killed, frozen and stopped, messages multiplied and forgotten, while steps write a ledger."""
