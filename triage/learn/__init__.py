"""What is learned from labelled utterances: a linear model over characters and over what the rules found."""
