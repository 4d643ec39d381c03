"""Provider snapshots: copies that the provider makes of a machine's disks, ssh not needed."""
