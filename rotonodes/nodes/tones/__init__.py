"""Nodes that split, paint and stabilize tones."""
