"""Download files over HTTPS into a folder: resumed, verified, in parallel. Knows no data set or network."""
