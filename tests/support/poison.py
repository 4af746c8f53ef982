"""Entry points that end or stop the worker when a phrase is heard: what audio does to a decoder with a fault, made at will.

Rules name them by `tests.support.poison:aborts` and so on. Where POISON_DOSE names a file, that is the only dose: it is
taken away before it works. Without the name there is no end of it.
"""

import os
import signal
import time
from pathlib import Path

from engine.options import RuleOptions

PHRASE = "cancel my order"


def poisonous(kind: str) -> RuleOptions:
    """A rule that ends the worker that hears PHRASE; `kind` is one of the functions here."""
    return RuleOptions(name="poison", phrases=("x",), match=f"tests.support.poison:{kind}", hear=(PHRASE,))


def _is_poisoned(text: str) -> bool:
    if PHRASE not in text:
        return False
    try:
        Path(os.environ["POISON_DOSE"]).unlink()
    except KeyError:
        return True
    except FileNotFoundError:
        return False
    return True


def aborts(text: str) -> None:
    """As an assertion inside Kaldi."""
    if _is_poisoned(text):
        os.abort()


def faults(text: str) -> None:
    """As a wild pointer."""
    if _is_poisoned(text):
        os.kill(os.getpid(), signal.SIGSEGV)


def spins(text: str) -> None:
    """As a decoder that comes to no end."""
    if _is_poisoned(text):
        while True:
            pass


def sleeps(text: str) -> None:
    """As one that waits for what never comes."""
    if _is_poisoned(text):
        while True:
            time.sleep(60)
