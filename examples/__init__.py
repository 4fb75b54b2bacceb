"""Programs to learn from. Those with a `__main__.py` run with one command: `python -m examples.saga`."""
