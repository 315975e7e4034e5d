"""A customer on both sides: what is compared, whose word counts, and what each side takes. Pure."""
