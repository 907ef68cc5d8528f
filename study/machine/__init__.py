"""The machine that a study runs on: atomic files, processes, device and precision."""
