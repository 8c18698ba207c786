"""Plan a request: decide what will be sent, or refuse it at no cost. Pure functions."""
