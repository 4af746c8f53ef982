"""The live view: what is told, as it happens, to people who watch the engine (docs/live.md)."""
