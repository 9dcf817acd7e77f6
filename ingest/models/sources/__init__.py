"""Sources of networks: one module a library, each with one `Source`, listed in `registry`."""
