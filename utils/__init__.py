"""Everything of the pack that runs without ComfyUI."""
