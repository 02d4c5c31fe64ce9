"""Nodes that work on render passes."""
