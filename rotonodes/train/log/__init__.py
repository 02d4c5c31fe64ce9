"""Logs of a training: journal, loss curve, sheets, TensorBoard and Weights & Biases."""
