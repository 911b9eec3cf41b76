"""All that knows about the global state of Brian2: targets, build cache, noise."""
