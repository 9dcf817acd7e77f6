"""Brain data: regions, betas, and the RDMs made from them or read from other labs' files."""
