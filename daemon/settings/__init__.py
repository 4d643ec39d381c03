"""The settings of the program.

`model` has every name that may be written, `files` finds and merges the files, `problems` says
what is wrong with them, `configuration` is all of it together.
"""

from daemon.settings.configuration import (
    Configuration,
    Entry,
    configure,
    load_configuration,
    masked_url,
    settings_schema,
)
from daemon.settings.files import Environment, settings_from_text
from daemon.settings.model import (
    DaemonSettings,
    DefaultSettings,
    Settings,
    StoreSecretName,
    StoreSettings,
)
from daemon.settings.planning import PlanningSettings, PolicySettings

__all__ = [
    "Configuration",
    "DaemonSettings",
    "DefaultSettings",
    "Entry",
    "Environment",
    "PlanningSettings",
    "PolicySettings",
    "Settings",
    "StoreSecretName",
    "StoreSettings",
    "configure",
    "load_configuration",
    "masked_url",
    "settings_from_text",
    "settings_schema",
]
