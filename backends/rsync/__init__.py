"""The rsync pull: argv, output, and the runner."""
