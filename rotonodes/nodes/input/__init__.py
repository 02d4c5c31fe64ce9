"""Nodes that read files."""
