"""Rotonodes inside the programs that render: add-ons and scripts, and what writes them. They run in those programs' Python, not here."""
