"""The 2D U-Net, slice by slice (Lau et al. 2019)."""
