"""A small deterministic world: the real engine and a real store, with broker, clock, workers and faults played."""
