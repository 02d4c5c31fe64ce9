"""The computer: cores, memory, devices, torchrun."""
