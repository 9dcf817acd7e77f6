"""The study file, and how a study runs: which stages, in which order, with which inputs."""
