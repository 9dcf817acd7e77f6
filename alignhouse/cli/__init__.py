"""The command line: thin wrappers over public functions."""
