"""Ways in which a database fails that only the store can tell apart; see `daemon.errors`."""

from daemon.errors import DatabaseError


class DatabaseFull(DatabaseError):
    """The database's disk or quota is used up."""

    default_hint = "Free space where the database lies; nothing that was recorded is lost."


class DatabaseReadOnly(DatabaseError):
    """The database can be read but not written: rights, a read-only disk, or a standby."""

    default_hint = "Run as the user that owns it, or point `database` at the primary server."


class DatabaseUnfit(DatabaseError):
    """The database does not take a setting that recorded data depends on to survive a crash."""

    default_hint = "Move it to a local file system, and let no other program change its settings."
