"""The database: tables, explicit row-value mapping, unit of work."""
