"""Real snapshots of real volumes, for a machine that has them: `python -m tests.volumes lvm`."""
