"""The live ears: sound in, stretches of speech, partial and final utterances out."""
