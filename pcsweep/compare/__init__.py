"""The same grid twice: where two studies differ, cell by cell, on the same images.

`study` reads which cells a study has, `matching` finds which belong together, and `settings` in what they differ. `contrast` has
the statistics of a pair of cells, `comparison` those of all, and `verdict` says in words what came out.
"""
