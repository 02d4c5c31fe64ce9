"""A graph file as checked data."""
