"""The command line, the study file and the demo study: how the stages compose."""
