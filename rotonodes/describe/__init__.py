"""Descriptions of graphs and nodes: drawings, the reference, the JSON Schema."""
