"""Calls: an order planned, sent in its turn, delivered, and collected by whoever asks for it."""
