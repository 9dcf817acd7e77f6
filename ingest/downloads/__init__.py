"""Downloads of public data sets: what to fetch, and bringing it here verified. Light to import."""
