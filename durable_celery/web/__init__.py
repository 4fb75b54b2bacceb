"""Durable functions over HTTP, the same in Flask, FastAPI and Django: one neutral core, a thin adapter for each."""
