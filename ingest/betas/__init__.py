"""Stored betas, their reliability and the RDMs of brain regions, of any data set."""
