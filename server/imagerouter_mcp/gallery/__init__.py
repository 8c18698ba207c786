"""Results at rest: files, handles, records."""
