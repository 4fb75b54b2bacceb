"""What may break, broken everywhere: at every call to the store, in every shape of execution."""
