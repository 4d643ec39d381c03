"""Use cases, one module each: ask pure code, call Protocols, record."""
