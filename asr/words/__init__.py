"""What is done to words after they were recognised: the city's names, and numbers."""
