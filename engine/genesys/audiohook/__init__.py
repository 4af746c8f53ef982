"""AudioHook, protocol version 2, without I/O: who may connect, what is said, and what a session makes of it."""
