"""Statistics on arrays; every function names its source."""
