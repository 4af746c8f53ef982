"""Rules that ask a Python callable what was meant (`match = "module:callable"`); it gets text and returns a name or None.

The callable is somebody else's code: what it raises is logged by type and counts as "nothing meant", so that a faulty one
costs its rule, never the call.
"""

import pkgutil

import structlog

from engine.errors import ConfigError
from engine.speech.phrases import EntryPoint

log = structlog.get_logger(__name__)


def load_entry_point(name: str) -> EntryPoint:
    """Import `module:callable`; ConfigError where there is no such thing."""
    try:
        callable_ = pkgutil.resolve_name(name)
    except Exception as error:  # the module is somebody else's and may raise anything
        raise ConfigError(
            [f"rules: match = {name!r}: can't be imported ({error}); give module:callable on PYTHONPATH"]
        ) from error
    if not callable(callable_):
        raise ConfigError([f"rules: match = {name!r}: not callable; it must take the text and return a name or None"])

    def meant(text: str) -> str | None:
        try:
            answer = callable_(text)
        except Exception as error:  # noqa: BLE001 (border to user code; the rule is deaf, the call goes on)
            log.warning("intent callable failed", entry_point=name, error=type(error).__name__)
            return None
        return answer if isinstance(answer, str) and answer else None

    return meant
