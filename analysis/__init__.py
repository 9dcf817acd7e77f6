"""Statistics over stored RDMs: alignment, noise ceilings, permutation tests, group comparisons."""
