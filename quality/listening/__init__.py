"""Listening to calls for review: the picture of the sound, what is private in it, clips, good examples."""
