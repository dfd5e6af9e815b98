"""The floor: the same answers with no GraphQL at all, written by hand for two known operations."""
