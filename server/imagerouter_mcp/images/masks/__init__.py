"""Read masks from words or pictures, preview them, and encode them as providers expect.

In memory a mask is a Pillow image in mode L and the source image's size: 255 where to edit, 0 where to keep.
`regions` only parses text; `painting` loads Pillow.
"""
