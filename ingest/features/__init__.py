"""From stimuli to model RDMs: frames into a network, layer outputs into a spool, Gram matrices into RDMs."""
