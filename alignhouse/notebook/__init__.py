"""An open warehouse in a notebook: answers, RDMs, betas, figures, and statistics of one's own."""
