"""Lapseguard: saves a server's data before its contract lapses."""

__version__ = "0.1.0"
