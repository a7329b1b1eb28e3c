"""Orders, runs, quotes, the life cycle, money, tokens and errors. Imports nothing from the other folders."""
