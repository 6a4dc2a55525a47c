"""Evidence packages: a call with everything that is known of it, in one file that a stranger can check."""
