"""Shards of a study become statistics: one long table, its pictures, and what is missing."""
