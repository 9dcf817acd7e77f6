"""The stimuli that people and networks saw: finding, decoding and matching them."""
