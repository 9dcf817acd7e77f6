"""BOLD Moments (OpenNeuro ds005165): everything that is particular to this data set."""
