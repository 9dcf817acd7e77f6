"""Jobs of the analysis: read stored vectors, call statistics, write facts."""
