"""What root of a server writes down so that a restricted login may run its dumps."""

import posixpath
import re
import shlex
from typing import Final

from daemon.domain.dump import DatabaseDump
from daemon.services.dumps import dump_of

#: What `backends.dumps.dump.by_user` puts before a command.
_BY_USER: Final = ("sudo", "-n", "-u")
#: Where Debian has the programs.
_PROGRAMS: Final = "/usr/bin"
#: What sudoers(5) gives a meaning of its own in arguments.
_SPECIAL: Final = re.compile(r"[*?\[\]!^:\\,= \t#]")


def wrapper_line(dump: DatabaseDump) -> str:
    """The line for /etc/lapseguard/dumps, by which `lapseguard-source` lets the dump through."""
    return shlex.join(dump_of(dump).argv)


def sudo_line(login: str, dump: DatabaseDump) -> str | None:
    """The line for sudoers, by which a login may dump as another user; None where it need not.

    Args:
        login: On the server.
        dump: As it is recorded.
    """
    argv = dump_of(dump).argv
    if argv[: len(_BY_USER)] != _BY_USER:
        return None
    user, program, *words = (word for word in argv[len(_BY_USER) :] if word != "--")
    place = posixpath.join(_PROGRAMS, program)
    arguments = " ".join(_SPECIAL.sub(_escaped, word) for word in words)
    # Without any, sudo would let all arguments pass.
    return f"{login} ALL = ({user}) NOPASSWD: {place} {arguments or chr(34) * 2}"


def _escaped(special: re.Match[str]) -> str:
    # A lone backslash would be taken once by sudoers and once by its patterns.
    return "\\" * 4 if special[0] == "\\" else f"\\{special[0]}"
