"""Where a study can be exported to: a module each, called as the word `to=` and the extra of the package are, with `write`."""
