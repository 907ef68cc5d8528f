"""MultiUnet's residual 3D U-Net (Xu et al., MIDL 2024)."""
