"""A lab's own betas: a folder for each person, or a file for each; also what GLMsingle writes."""
