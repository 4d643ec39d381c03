"""What an examination of an installation came upon."""

import enum
from dataclasses import dataclass


class Severity(enum.Enum):
    """How much a finding matters."""

    #: It is as it should be.
    OK = "ok"
    #: It works, but a person should know.
    WARNING = "warning"
    #: Something will fail because of it.
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        severity: See `Severity`.
        subject: What was looked at, e.g. `state folder`.
        message: What was found.
        hint: What to do next; empty where nothing is.
        code: The name of the error that it is or would become; empty where there is none.
    """

    severity: Severity
    subject: str
    message: str
    hint: str = ""
    code: str = ""
