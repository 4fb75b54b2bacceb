"""The network between workers, their broker and their store is disturbed, while executions are at work."""
