"""A network computed fast: `build` compiles it, `schedule` says what is needed when, `run` runs many grid points at once."""
