"""A real Redis is killed, cut back, filled, failed over and made to forget, while executions are at work on it."""
