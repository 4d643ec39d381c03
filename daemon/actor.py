"""Who gives orders, as the audit trail names them."""

import getpass
import os
import socket
from collections.abc import Mapping


def current_actor(variables: Mapping[str, str]) -> str:
    """Who is giving orders: `li@ops`, or `li@ops as root` under sudo."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that no account has.
        user = str(os.getuid())
    behind = variables.get("SUDO_USER")
    host = socket.gethostname()
    return f"{behind}@{host} as {user}" if behind and behind != user else f"{user}@{host}"
