"""nnU-Net's plain network (Isensee et al., Nature Methods 2021)."""
