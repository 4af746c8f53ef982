"""Genesys Cloud: protocols without I/O, and the SDK's one home."""
