"""Comparisons side by side in one run; the last line of output is JSON with `ratio`, higher is better."""
