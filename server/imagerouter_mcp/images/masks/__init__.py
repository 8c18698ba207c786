"""Masks: read from words or from a picture, shown to the person, encoded as a provider expects them.

In memory a mask is a Pillow image of mode L in the size of the source image: 255 where to edit, 0 where to
keep. `regions` is pure text; `painting` loads Pillow.
"""
