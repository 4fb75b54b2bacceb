"""Deployments under load: workers are told to stop and come back, one after the other, also in another version."""
