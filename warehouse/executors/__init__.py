"""Executors decide where batches run: in this process, in its threads, or in other processes."""
