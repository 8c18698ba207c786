"""Read, check, change and draw pictures.

`source_images` opens what a caller names, `allowed_files` decides which files may be read, and `prepare`
makes a picture ready to send. `inspect` recognises and measures files from their bytes, `pixels` decodes,
encodes and draws, and `masks` reads and paints masks. Modules in `pixels` and `masks.painting` load Pillow,
so other modules import them only where they use them.
"""
