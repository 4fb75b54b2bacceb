"""Executions that were recorded by releases, in the middle of their work: every later release carries them on."""
