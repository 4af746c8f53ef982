"""A script that does what each line tells it, for tests of whoever starts scripts."""

import json
import subprocess
import sys

print("no JSON", file=sys.stderr, flush=True)
print(json.dumps({"event": "ready", "arguments": sys.argv[1:]}), flush=True)
for line in sys.stdin:
    match line.strip():
        case "child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            print(json.dumps({"pid": child.pid}), flush=True)
        case "fail":
            sys.exit("all is lost")
        case word:
            print(json.dumps({"word": word}), flush=True)
