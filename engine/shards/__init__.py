"""Which worker, which ring, and keeping them alive."""
