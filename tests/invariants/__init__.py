"""The laws of replay, as named tests over a corpus of bodies in all three styles."""
