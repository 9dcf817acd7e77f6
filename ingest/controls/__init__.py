"""Control models: RDMs of simple properties of the stimuli, to compare networks with."""
