"""`cueline`, and `python -m engine`: the command line, imported where Ctrl-C is already expected."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, also while it is still being imported."""
    try:
        from engine.cli import app  # noqa: PLC0415 (takes a second, in which somebody may press Ctrl-C)

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
