"""Figures of many trials at once."""
