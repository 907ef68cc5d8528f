"""Combines the other packages into whole studies: preparation, trials, evaluation, export."""
