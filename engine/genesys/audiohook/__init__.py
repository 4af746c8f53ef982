"""AudioHook, protocol version 2, from the server's side: text and bytes in, events and text out; no socket, no clock, no log."""
