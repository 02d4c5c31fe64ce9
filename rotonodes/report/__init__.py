"""How a run is reported: plain lines, a terminal display, messages for programs."""
