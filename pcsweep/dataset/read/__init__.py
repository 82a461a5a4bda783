"""How images and masks are read from files."""
