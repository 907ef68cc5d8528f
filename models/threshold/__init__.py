"""A rule without training: locally bright in DWI, dark in ADC."""
