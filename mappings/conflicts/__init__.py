"""Mappings that nobody has decided, both sides beside each other: what is compared, what may be decided, the pages."""
