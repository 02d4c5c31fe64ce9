"""Nodes that compute with channels and alpha."""
