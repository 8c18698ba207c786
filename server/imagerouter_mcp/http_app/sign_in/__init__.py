"""Serve sign-in: the endpoints of clients, on the SDK's handlers, and the pages where people decide."""
