"""Finds, decodes and matches the stimuli that subjects and networks saw."""
