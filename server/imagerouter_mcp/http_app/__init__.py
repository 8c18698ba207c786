"""Serving over HTTP: who is let in, how much they may ask at once, links, probes, a line for each request."""
