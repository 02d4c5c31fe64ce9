"""Networks in plain torch, and the files their weights live in. Importing this package does not import torch."""

from rotonodes.nets.model import Model
from rotonodes.nets.weights import WeightsError, load_weights, read_metadata, save_weights

__all__ = ["Model", "WeightsError", "load_weights", "read_metadata", "save_weights"]
