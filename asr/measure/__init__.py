"""How well speech is recognised: labelled sound in, figures out."""
