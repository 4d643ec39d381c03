"""Dumps: a database's own copy of itself, streamed from the server."""
