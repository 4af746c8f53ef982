"""Every parser that meets the outside, as one table. A new parser: its row in one of the modules beside this one."""

from tests.fuzz import (
    admin_targets,
    audio_targets,
    audiohook_targets,
    config_targets,
    file_targets,
    platform_targets,
    realtime_targets,
    upgrade_targets,
)
from tests.fuzz.target import Target

_MODULES = (
    realtime_targets,
    audio_targets,
    platform_targets,
    admin_targets,
    config_targets,
    file_targets,
    audiohook_targets,
    upgrade_targets,
)

TARGETS: dict[str, Target] = {target.name: target for module in _MODULES for target in module.TARGETS}
