"""The unified representation network (Lau et al. 2019)."""
