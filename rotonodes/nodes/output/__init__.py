"""Nodes that write files and scores."""
