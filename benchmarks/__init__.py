"""Side-by-side comparisons in one run; the last line of output is JSON with `ratio`, where higher is better."""
