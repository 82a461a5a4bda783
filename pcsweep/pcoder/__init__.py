"""Update rules: what a network does from one timestep to the next, a file each, and their coefficients."""
