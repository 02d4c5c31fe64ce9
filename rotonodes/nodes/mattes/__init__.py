"""Nodes that make and clean mattes."""
