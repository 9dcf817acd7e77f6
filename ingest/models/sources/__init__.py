"""Sources of networks, one module per library."""
