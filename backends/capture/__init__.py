"""Capture: what rsync delivers flows from staging into the repository."""
