"""Redis: the RDB file that a replica would be sent.

`redis-cli --rdb -` asks the server for a synchronisation and prints what comes; redis-cli(1),
Redis 5 on. A password comes from the variable REDISCLI_AUTH of the server's own environment.
"""

from backends.dumps.dump import Dump, by_user, file_name


def redis_database(
    *, user: str | None = None, port: int | None = None, name: str | None = None
) -> Dump:
    """All databases of one Redis.

    Args:
        user: Of the server, who runs the program; None for the login.
        port: Where it listens, or None for its default.
        name: Of the file; None for one made of the port.
    """
    where = () if port is None else ("-p", str(port))
    return Dump(
        name=name or file_name("redis", "" if port is None else str(port), suffix=".rdb"),
        argv=by_user(user, "redis-cli", *where, "--rdb", "-"),
        begins=b"REDIS",
        restore="stop Redis, put FILE at its dbfilename (dump.rdb), start it again",
    )
