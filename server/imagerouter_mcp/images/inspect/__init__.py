"""Recognise a file from its bytes, check that it is whole, and measure it, without decoding a pixel."""
