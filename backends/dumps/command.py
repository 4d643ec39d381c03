"""Any program of the operator's own that prints a copy of something."""

from backends.dumps.dump import Dump, check_name


def command_dump(name: str, argv: tuple[str, ...]) -> Dump:
    """What `argv` prints, under that name.

    Raises:
        DumpInvalid: the name is none, or the command is empty.
    """
    return Dump(name=check_name(name), argv=argv, restore="as the program that made it expects")
