"""Grid points: what a configuration asks for, checked whole, identified and planned before anything is computed."""
