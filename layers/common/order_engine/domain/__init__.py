"""Orders, their life cycle, money and errors. Imports nothing of the rest."""
