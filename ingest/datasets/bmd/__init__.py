"""BOLD Moments (OpenNeuro ds005165): all code that is specific to this data set."""
