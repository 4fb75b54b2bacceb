"""What every HTTP interface here has in common, and no framework: problems, preferences, bodies, segments."""
