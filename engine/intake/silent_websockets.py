"""The WebSocket library's log, shut off: it would hold whole messages and headers, and so tokens, keys and numbers."""

import logging

SILENT = logging.getLogger("cueline.websockets")
SILENT.setLevel(logging.CRITICAL + 1)
SILENT.propagate = False
