"""Recognition engines behind one interface, and what makes their output fit for people."""
