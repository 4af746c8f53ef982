"""The one import site of `PureCloudPlatformClientV2`; only the platform process calls `load`.

The plain import costs 215 MB and seconds, because the package's `__init__` pulls in every API and 3,300 models. `load` puts
three stub modules into `sys.modules` in place of the `__init__` files (package, `.apis`, `.models`), so that only what is
named gets imported: 27 MB, 0.15 s. That leans on private layout; where the shape has changed, it falls back to the plain
import and says so (`Sdk.lean`). Either way the SDK meets a throw-away HOME while it loads, holding a config file that
switches its config watcher off: no watchdog threads, no inotify on the user's home, no foreign settings.
"""

import contextlib
import importlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "PureCloudPlatformClientV2"
MODEL_LINE = re.compile(r"^from \.(\w+) import (\w+)", re.MULTILINE)
NO_WATCHER = "[general]\nlive_reload_config = false\n"
SHAPE_ERRORS = (ImportError, AttributeError, LookupError, OSError, TypeError)


@dataclass(frozen=True, slots=True)
class Sdk:
    """The parts of the SDK that are used; types are the SDK's own and untyped."""

    api_client: Any  # class ApiClient
    conversations_api: Any  # class ConversationsApi
    abstract_http_client: Any  # class AbstractHttpClient
    configuration: Any  # the process's one Configuration
    models: Any  # module: a class per name
    lean: bool


def load() -> Sdk:
    """Import the SDK; ImportError where it is not installed."""
    with _throwaway_home():
        try:
            return _load_lean()
        except SHAPE_ERRORS:
            _forget()
            return _load_plain()


def _load_lean() -> Sdk:
    folder = _folder()
    _stub(ModuleType(PACKAGE), folder)
    _stub(ModuleType(f"{PACKAGE}.apis"), folder / "apis")
    _stub(_Models(folder / "models"), folder / "models")
    return _parts(lean=True)


def _load_plain() -> Sdk:
    importlib.import_module(PACKAGE)
    return _parts(lean=False)


def _parts(*, lean: bool) -> Sdk:
    def module(name: str) -> Any:
        return importlib.import_module(f"{PACKAGE}.{name}")

    return Sdk(
        api_client=module("api_client").ApiClient,
        conversations_api=module("apis.conversations_api").ConversationsApi,
        abstract_http_client=module("abstract_http_client").AbstractHttpClient,
        configuration=module("configuration").Configuration(),
        models=module("models"),
        lean=lean,
    )


class _Models(ModuleType):
    """Stands for `.models`: finds a model's file in the real `__init__`, imports it when its name is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{PACKAGE}.models")
        lines = MODEL_LINE.findall((folder / "__init__.py").read_text(encoding="utf-8"))
        self._files = {name: file for file, name in lines}

    def __getattr__(self, name: str) -> Any:
        file = self.__dict__.get("_files", {}).get(name)
        if file is None:
            raise AttributeError(name)
        model = getattr(importlib.import_module(f"{self.__name__}.{file}"), name)
        setattr(self, name, model)
        return model


def _folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{PACKAGE} is not installed")
    return Path(spec.submodule_search_locations[0])


def _stub(module: ModuleType, folder: Path) -> None:
    module.__path__ = [str(folder)]
    sys.modules[module.__name__] = module


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@contextlib.contextmanager
def _throwaway_home() -> Iterator[None]:
    before = os.environ.get("HOME")
    with tempfile.TemporaryDirectory(prefix="cueline-sdk-") as home:
        config = Path(home, ".genesyscloudpython", "config")
        config.parent.mkdir()
        config.write_text(NO_WATCHER, encoding="utf-8")
        os.environ["HOME"] = home
        try:
            yield
        finally:
            if before is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = before
