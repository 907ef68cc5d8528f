"""The 2.5D fully convolutional DenseNet of ModDrop++ (Liu et al., MICCAI 2022)."""
