"""Fails where a hot function has become slower than the committed baseline allows: `python -m bench.gate`."""
