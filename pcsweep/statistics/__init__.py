"""Statistics of one cell over its images: pure functions on arrays.

The images are the units that are drawn, resampled and permuted; several noise seeds of an image are a level within it. NaN is
undefined: left out of every mean, and counted. Definitions and references are in docs/statistics.md.
"""
