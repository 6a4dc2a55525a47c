"""Decode processes and the line of jobs before them."""
