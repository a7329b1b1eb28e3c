"""The command line for operators: API keys, and the switches of the simulated market."""
