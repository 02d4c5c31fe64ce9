"""Nodes that make pictures: colours, ramps, textures, text."""
