"""Numerical kernels on arrays: threads, sorting, weighted ranks, similarity."""
