"""Object stores: S3, a directory, memory; wrappers and the probe."""
