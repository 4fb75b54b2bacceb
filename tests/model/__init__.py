"""The store protocol as a model: every order of events at a small scope, looked at one state after the other."""
