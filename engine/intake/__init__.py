"""Where audio enters; thin shells that await."""
