"""The pages of the site, and the code that writes the reference and sets formulas."""
