"""Which databases a server dumps, changed one by one."""

from dataclasses import replace

from daemon.domain.dump import DatabaseDump
from daemon.domain.server import Server
from daemon.services.registry import Registry
from daemon.store.missing import not_found


def add_dump(registry: Registry, server: str, dump: DatabaseDump) -> Server:
    """Have a server dump one more database.

    Raises:
        NotFound: there is no such server.
        InvalidValue: it has a dump of that name already.
    """
    return registry.change_server(server, lambda old: replace(old, dumps=(*old.dumps, dump)))


def remove_dump(registry: Registry, server: str, name: str) -> Server:
    """Have a server dump one database less; what was stored of it stays.

    Raises:
        NotFound: there is no such server, or it has no dump of that name.
    """

    def without(old: Server) -> Server:
        left = tuple(dump for dump in old.dumps if dump.name != name)
        if left == old.dumps:
            raise not_found("dump", name, (dump.name for dump in old.dumps))
        return replace(old, dumps=left)

    return registry.change_server(server, without)
