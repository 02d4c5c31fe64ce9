"""Nodes that run and train networks."""
