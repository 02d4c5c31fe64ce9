"""Nodes that change pictures."""
