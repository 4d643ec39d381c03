"""Storage, transfer and repository backends: a library that knows nothing of contracts."""
