"""One training: samples, modality dropout, criteria and the epoch loop, in one process or in several; torch only."""
