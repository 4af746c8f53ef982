"""A node's part in a fleet: the store that all nodes share, and what one node does with it."""
