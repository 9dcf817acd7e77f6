"""Data sets of ready RDMs, in one file per region."""
