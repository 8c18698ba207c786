"""Source images in; formats and previews."""
