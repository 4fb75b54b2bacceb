"""A module that cannot be imported, and leads to no Durable."""

raise RuntimeError("elsewhere was imported")
