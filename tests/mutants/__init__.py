"""Deliberate defects of the scripts and the engine, each of which a named test has to find."""
