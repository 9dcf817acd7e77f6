"""The networks that a study can name: their records, sources, weights and layers."""
