"""From stimuli to model RDMs: show frames to a network, keep layer outputs, sum Gram matrices, make RDMs."""
