"""What the figures are to stay below."""

#: By letter: the ratio of ours to rsync + restic, and to rsync alone.
CASES: dict[str, tuple[float, float | None]] = {
    "a": (0.75, None),
    "b": (0.60, None),
    "c": (0.70, None),
    "d": (0.70, None),
    "e": (0.65, 1.08),
}
#: Of what is stored, to restic's.
STORED = 1.03
#: Of our restore and check to restic's.
READING = 0.80
#: Bytes of all our processes together.
MEMORY = 300e6
#: Peak memory at four times the data over that at once: flat, but for what a sampling misses.
FLAT = 1.10
#: Share of what was delivered one checkpoint interval before the cut that is restorable.
SALVAGE = 0.95
