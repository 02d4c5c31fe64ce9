"""Scores of labels and mattes."""
