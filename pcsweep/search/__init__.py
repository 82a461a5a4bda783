"""Searches: what is varied, what is wanted, how trials are chosen, where they are kept; `sweep` has them computed."""
