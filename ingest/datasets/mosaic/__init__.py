"""MOSAIC: betas of eight public data sets, prepared alike, in one HDF5 file for each person."""
