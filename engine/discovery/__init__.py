"""Where conversations come from."""
