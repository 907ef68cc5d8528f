"""The exported bundle and its predictor."""
