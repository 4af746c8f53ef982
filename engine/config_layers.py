"""The layers of the configuration, merged but not yet checked: the environment lies over the TOML file.

`Draft` is what is left to complete: raw values, where each came from, and the faults so far. pydantic-settings reads the
file and merges; the names of the environment are this table's.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.config_faults import Fault, Loc, fault_lines

# Environment name → place in the options. TARGET_KEYWORD, the webhook's two and AUDIOHOOK_KEY do more than fill one place.
ENVIRONMENT: dict[str, Loc] = {
    "GENESYS_CLIENT_ID": ("genesys", "client_id"),
    "GENESYS_CLIENT_SECRET": ("genesys", "client_secret"),
    "GENESYS_REGION": ("genesys", "region"),
    "GENESYS_LOGIN_URL": ("genesys", "login_url"),
    "GENESYS_API_URL": ("genesys", "api_url"),
    "GENESYS_REALTIME_URL": ("genesys", "realtime_url"),
    "GENESYS_CONVERSATION_ID": ("genesys", "conversation_ids"),
    "CUELINE_FOLLOW_QUEUES": ("discovery", "queues"),
    "CUELINE_FOLLOW_USERS": ("discovery", "users"),
    "VOSK_MODEL_PATH": ("speech", "model_path"),
    "CUELINE_PROFILE": ("speech", "profile"),
    "CUELINE_SHARDS": ("shards", "count"),
    "CUELINE_MAX_UTILIZATION": ("shards", "max_utilization"),
    "CUELINE_ADMIN_HOST": ("admin", "host"),
    "CUELINE_ADMIN_PORT": ("admin", "port"),
    "CUELINE_ADMIN_TOKEN": ("admin", "token"),
    "CUELINE_ADMIN_TLS_CERT": ("admin", "tls_cert"),
    "CUELINE_ADMIN_TLS_KEY": ("admin", "tls_key"),
    "CUELINE_CONSOLE_TEXT": ("console", "show_text"),
    "CUELINE_AUDIOHOOK_HOST": ("audiohook", "host"),
    "CUELINE_AUDIOHOOK_PORT": ("audiohook", "port"),
    "CUELINE_AUDIOHOOK_PATH": ("audiohook", "path"),
    "CUELINE_AUDIOHOOK_TLS_CERT": ("audiohook", "tls_cert"),
    "CUELINE_AUDIOHOOK_TLS_KEY": ("audiohook", "tls_key"),
    "CUELINE_AUDIOHOOK_AUTHORITY": ("audiohook", "authority"),
    "CUELINE_AUDIOHOOK_PUBLIC_PATH": ("audiohook", "public_path"),
    "CUELINE_AUDIOHOOK_TRUSTED_PROXIES": ("audiohook", "trusted_proxies"),
    "CUELINE_REDIS_URL": ("fleet", "redis_url"),
    "CUELINE_REDIS_PASSWORD": ("fleet", "redis_password"),
    "CUELINE_FLEET": ("fleet", "name"),
    "CUELINE_NODE": ("fleet", "node"),
    "CUELINE_LEASE_S": ("fleet", "lease_s"),
    "CUELINE_MAX_CALLS": ("fleet", "max_calls"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("telemetry", "otlp_endpoint"),
    "CUELINE_STATE_DIR": ("state_dir",),
    "CUELINE_DRAIN_S": ("drain_s",),
    "CUELINE_LOG_LEVEL": ("log_level",),
}
TARGET_KEYWORD = "TARGET_KEYWORD"
WEBHOOK_URL = "CUELINE_WEBHOOK_URL"
WEBHOOK_SECRET = "CUELINE_WEBHOOK_SECRET"  # noqa: S105 - a name, not a secret
AUDIOHOOK_KEY = {  # these make one of `audiohook.keys`
    "CUELINE_AUDIOHOOK_API_KEY": "api_key",
    "CUELINE_AUDIOHOOK_CLIENT_SECRET": "client_secret",
    "CUELINE_AUDIOHOOK_ORGANIZATION_ID": "organization_id",
}
SECRETS = (  # each also as NAME_FILE: a file that holds it
    "GENESYS_CLIENT_SECRET",
    WEBHOOK_SECRET,
    "CUELINE_ADMIN_TOKEN",
    "CUELINE_AUDIOHOOK_API_KEY",
    "CUELINE_AUDIOHOOK_CLIENT_SECRET",
    "CUELINE_REDIS_URL",
    "CUELINE_REDIS_PASSWORD",
)
_LISTS = (
    "GENESYS_CONVERSATION_ID",
    "CUELINE_FOLLOW_QUEUES",
    "CUELINE_FOLLOW_USERS",
    "CUELINE_AUDIOHOOK_TRUSTED_PROXIES",
)


@dataclass
class Draft:
    """The configuration in the making."""

    environ: dict[str, str]  # our names only, blank ones left out
    raw: dict[str, Any]
    faults: list[Fault]
    file_read: bool  # or there is none to read
    origins: dict[Loc, str] = field(default_factory=dict)  # what the environment has filled

    def table(self, name: str) -> dict[str, Any]:
        """That table, made where it is missing; a detached one where something else stands in its place."""
        value = self.raw.setdefault(name, {})
        return value if isinstance(value, dict) else {}

    def tables(self, name: str) -> list[dict[str, Any]]:
        """That array's tables; whatever else stands there is left for the check."""
        value = self.raw.get(name)
        return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    def lines(self) -> list[str]:
        """One line per fault. Beside an unreadable file only the environment's own faults mean anything."""
        told = [fault for fault in self.faults if self.file_read or fault.outside_file(self.origins)]
        return fault_lines(told, self.origins, {loc: name for name, loc in ENVIRONMENT.items()})


def read_layers(config_file: Path | None, environ: Mapping[str, str]) -> Draft:
    """Merge both layers; what can't be read is a fault in the draft."""
    values, faults = _environment(environ)
    origins = {loc: name for name, loc in ENVIRONMENT.items() if name in values}
    nested: dict[str, Any] = {}
    for loc, name in origins.items():
        _place(nested, loc, _split(values[name]) if name in _LISTS else values[name])
    try:
        return Draft(values, _merged(nested, config_file), faults, True, origins)
    except (OSError, ValueError, RecursionError) as error:
        return Draft(values, nested, [*faults, _file_fault(config_file, error)], False, origins)


def _environment(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    """Our names with their values. A blank one counts as not set; a blank TARGET_KEYWORD is kept, to be refused."""
    names = (*ENVIRONMENT, *AUDIOHOOK_KEY, WEBHOOK_URL, WEBHOOK_SECRET, TARGET_KEYWORD)
    values = {name: environ[name].strip() for name in names if name in environ}
    values = {name: value for name, value in values.items() if value or name == TARGET_KEYWORD}
    faults = []
    for name in SECRETS:
        file = environ.get(f"{name}_FILE", "").strip()
        if file and name in values:
            faults.append(Fault((f"{name}_FILE",), f"{name} is set too; set one of the two", file, from_file=False))
        elif file:
            try:
                values[name] = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                faults.append(Fault((f"{name}_FILE",), f"can't be read ({error})", file, from_file=False))
    return values, faults


def _merged(environment: dict[str, Any], config_file: Path | None) -> dict[str, Any]:
    """Lay the environment over the file; OSError and ValueError say why the file can't be read."""
    if config_file is not None:
        config_file.open("rb").close()  # pydantic-settings takes a missing file for an empty one

    class Layers(BaseSettings):
        model_config = SettingsConfigDict(extra="allow", toml_file=config_file)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del (
                env_settings,
                dotenv_settings,
                file_secret_settings,
            )  # our names are places of their own, see ENVIRONMENT
            return init_settings, TomlConfigSettingsSource(settings_cls)

    return Layers(**environment).model_extra or {}


def _file_fault(config_file: Path | None, error: Exception) -> Fault:
    match error:
        case tomllib.TOMLDecodeError():
            sentence = f"not valid TOML: {error}"
        case UnicodeDecodeError():
            sentence = "not valid TOML: not UTF-8 text"
        case RecursionError():
            sentence = "not valid TOML: nested too deeply"
        case FileNotFoundError():
            sentence = "no such file; give --config the path of a TOML file"
        case _:
            sentence = f"can't be read ({error})"
    return Fault((str(config_file),), sentence, from_file=False)


def _place(nested: dict[str, Any], loc: Loc, value: Any) -> None:
    for part in loc[:-1]:
        nested = nested.setdefault(str(part), {})
    nested[str(loc[-1])] = value


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
