"""The command line `orders`. It uses the engine's two APIs and nothing else of the engine."""
