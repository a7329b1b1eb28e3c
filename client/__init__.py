"""The engine's clients for people: the command line `orders`, and the load tool. They know its two APIs only."""
