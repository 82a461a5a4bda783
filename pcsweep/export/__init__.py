"""Studies for other programs: a file of `to/` for each of them, found by listing the folder; the packages that these need are
imported there alone, and only where they are asked for. Nothing else in the package imports what lives here."""
