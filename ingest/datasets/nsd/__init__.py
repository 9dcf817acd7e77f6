"""NSD: the prepared single-trial betas of the Natural Scenes Dataset."""
