"""What a call is scored by, how the score is made, and what the automatic checks answer beforehand."""
