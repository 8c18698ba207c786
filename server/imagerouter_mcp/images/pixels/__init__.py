"""Decode, change, encode and draw pictures. The modules here load Pillow when they are imported."""
