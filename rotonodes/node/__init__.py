"""What a node is: its base class, its parameters and its signature."""
