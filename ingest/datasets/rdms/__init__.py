"""Data sets that come as files of RDMs, one per region."""
