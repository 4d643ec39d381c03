"""MySQL and MariaDB: SQL of one database, or of all, as of one instant.

`--single-transaction` holds for InnoDB; tables of other engines may change meanwhile, which the
database itself cannot help. Options are those of mysqldump(1) of MySQL 8 and mariadb-dump(1) of
MariaDB 10.5 on, which share them. The server logs in by `~/.my.cnf` or its socket.
"""

from typing import Final

from backends.dumps.dump import Dump, by_user, file_name

#: What loads again what a program dumped.
_CLIENTS: Final = {"mysqldump": "mysql", "mariadb-dump": "mariadb"}


def mysql_database(
    database: str | None,
    *,
    user: str | None = None,
    program: str = "mysqldump",
    name: str | None = None,
) -> Dump:
    """One database, or with None all of them.

    Args:
        database: Its name.
        user: Of the server, who runs the program; None for the login.
        program: `mysqldump` or `mariadb-dump`.
        name: Of the file; None for one made of the database's.

    Raises:
        DumpInvalid: no file can be named after it.
    """
    chosen = ("--all-databases",) if database is None else ("--databases", database)
    return Dump(
        name=name or file_name("mysql", database or "all", suffix=".sql"),
        argv=by_user(
            user,
            *(program, "--single-transaction", "--quick", "--routines", "--events", "--triggers"),
            *("--hex-blob", *chosen),
        ),
        ends=b"-- Dump completed",
        restore=f"{_CLIENTS.get(program, 'mysql')} < FILE",
    )
