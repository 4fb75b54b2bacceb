"""The long tests one after the other, each command in a process of its own; what is done is not done again."""
