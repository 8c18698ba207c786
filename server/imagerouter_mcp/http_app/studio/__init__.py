"""Serve the studio, a page for people: its files, who may use it, the gallery's pictures, live changes."""
