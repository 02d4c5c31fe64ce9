"""What a training minimises: tasks and losses."""
