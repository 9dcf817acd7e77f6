"""From raw files (betas, videos, networks) to stored vectors: no statistics here."""
