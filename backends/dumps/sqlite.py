"""SQLite: the whole database as SQL, read in one transaction.

`.backup` would need a file on the server to write to, as it does not write from front to back;
`.dump` prints as it reads, and ends in `COMMIT;` only where it met no damage. The shell is told to
wait for a writer, since it would give up at once.
"""

from backends.dumps.dump import Dump, absolute, by_user, file_name

#: Milliseconds to wait for a writer.
_BUSY = 60_000


def sqlite_database(path: str, *, user: str | None = None, name: str | None = None) -> Dump:
    """The database in the file `path` of the server.

    Args:
        path: Absolute.
        user: Of the server, who runs the program; None for the login.
        name: Of the file; None for one made of the path.

    Raises:
        DumpInvalid: the path is not absolute, or no file can be named after it.
    """
    return Dump(
        name=name or file_name("sqlite", *absolute(path).split("/"), suffix=".sql"),
        argv=by_user(
            user,
            *("sqlite3", "-batch", "-bail", "-readonly", "-cmd", f".timeout {_BUSY}"),
            *(absolute(path), ".dump"),
        ),
        begins=b"PRAGMA foreign_keys=OFF;",
        ends=b"COMMIT;",
        restore="sqlite3 NEW.db < FILE",
    )
