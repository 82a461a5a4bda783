"""A sweep, from composed points to results: what is computed together, by whom, and what became of it."""
