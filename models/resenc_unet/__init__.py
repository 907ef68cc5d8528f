"""nnU-Net's network with residual encoder (Isensee et al., MICCAI 2024)."""
