"""What flows between nodes: pixels, colour, frame numbers, tones."""
