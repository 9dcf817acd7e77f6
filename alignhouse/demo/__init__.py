"""The demo study: a synthetic data set in the layout of BOLD Moments, and the study that reads it."""
