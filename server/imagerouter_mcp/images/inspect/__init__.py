"""Recognise a file from its bytes, check that it is complete, and measure it, without decoding pixels."""
