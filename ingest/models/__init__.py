"""The networks that a study can name: facts about them, how each is built, and which of its layers are read."""
