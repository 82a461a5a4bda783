"""How a network is computed fast: what is needed when, on which arrays, for many grid points at once."""
