"""Fadeout's engine beside nnU-Net's: the same scans, split, plan and iterations, judged by nnU-Net's evaluation."""
