"""Real workers are killed, frozen and stopped, messages multiplied and forgotten, while steps tell a ledger what they do."""
