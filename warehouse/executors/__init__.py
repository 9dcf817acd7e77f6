"""Executors run batches: in this process, in its threads, or in other processes."""
