"""`cueline`, and `python -m engine`.

The program takes half a second to load. A Ctrl-C before that is over ends it at once and without a traceback: nothing has
begun yet that would have to be ended in order.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

from engine.cli import main  # noqa: E402 - after the line above, or it would come too late

if __name__ == "__main__":
    main()
