"""The same grid twice: where two studies differ, cell by cell, on the same images.

`matching` finds which cells belong together, `contrast` has the statistics of a pair of cells, `comparison` those of all, and
`verdict` says in words what came out.
"""
