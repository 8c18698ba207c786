"""Pictures: source images on their way in, previews and masks on their way out.

`source_images` opens what a caller names, `allowed_files` decides which files may be read, and `prepare`
makes a picture fit to send. `inspect` recognises and measures files from their bytes, `pixels` decodes,
encodes and draws, `masks` reads and paints masks. Importing a module of `pixels`, or `masks.painting`, loads
Pillow, so others import those where they are used.
"""
