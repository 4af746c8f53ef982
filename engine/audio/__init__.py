"""Bytes of any length become frames in shared memory."""
