"""The operations of a context, one file each."""
