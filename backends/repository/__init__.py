"""The restic repository format, version 2, written natively; versions 1 and 2 read."""
