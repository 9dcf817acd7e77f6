"""The networks that a study can name: facts about them, how each is built, which layers are read."""
