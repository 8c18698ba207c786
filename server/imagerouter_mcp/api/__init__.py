"""ImageRouter over HTTP, and our searchable view of its model list."""
