"""Grid points become shards, or are computed again to be drawn; and what that costs."""
