"""What staging keeps of what is stored, where a server's record says it."""

import enum


class StagingChoice(enum.Enum):
    """In place of `[defaults] staging`; its values are those of the settings."""

    #: All that the disk has room for.
    AUTO = "auto"
    #: Everything, so that the next run has all of it to compare with.
    FULL = "full"
    #: Only what waits to be stored.
    WINDOW = "window"
