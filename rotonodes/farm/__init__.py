"""A plan as a job of somebody else's scheduler: one file for each; no scheduler, queue or worker of our own."""
