"""Picture to file, clip to file, file to frames and sound, and what identifies them."""
