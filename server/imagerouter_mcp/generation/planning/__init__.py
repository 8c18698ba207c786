"""Planning: from a request to what will be sent, or a refusal that costs nothing. Pure functions."""
