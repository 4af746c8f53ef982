"""`cueline`, and `python -m engine`: the command line, imported where Ctrl-C is already expected."""

import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, also while it is still being imported."""
    # An exception in the middle of loading a C extension has crashed the interpreter: until all is loaded, Ctrl-C ends it at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from engine.cli import app  # noqa: PLC0415 (takes a second, in which somebody may press Ctrl-C)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
