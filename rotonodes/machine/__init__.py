"""The computer: cores, devices, torchrun."""
