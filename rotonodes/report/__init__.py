"""Reports of a run: plain lines, a terminal display, messages for programs."""
