"""THINGS-fMRI: single-trial betas of three people who saw images of 720 object concepts."""
