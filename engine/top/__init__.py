"""`cueline top`: the engine's live feed in a terminal."""
