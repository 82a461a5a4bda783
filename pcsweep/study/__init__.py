"""A study as it lies on the disk: its folder, shards, plans and notes, and what they mean."""
