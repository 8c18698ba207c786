"""Serve sign-in: what clients ask for on the SDK's handlers, and the pages on which people decide."""
