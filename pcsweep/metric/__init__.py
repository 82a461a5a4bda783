"""How well a saliency map finds an object: a file for each metric."""
