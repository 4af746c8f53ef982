"""The ids of the protocol: UUIDs of any version, in headers and messages alike."""

import re

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NULL_ID = "00000000-0000-0000-0000-000000000000"
