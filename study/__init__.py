"""Fadeout: hyperparameter studies for segmentation that survives missing sequences and unseen centers."""

__version__ = "0.1.0"
