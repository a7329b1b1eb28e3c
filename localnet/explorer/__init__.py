"""Pages that show what has happened on the chain."""
