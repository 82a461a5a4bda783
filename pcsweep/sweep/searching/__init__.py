"""A search over the launcher: trials are asked for one by one, computed here or by a queue, and told as soon as they are done."""
