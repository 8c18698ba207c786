"""Time and memory, each figure side by side with the bare libraries in the same run."""
