"""Jobs of the analysis: they read stored vectors, call statistics and write facts."""
