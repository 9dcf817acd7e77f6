"""Model RDMs and features that another program computed: finds them, matches their stimuli, makes RDMs."""
