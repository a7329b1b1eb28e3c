"""The command line `orders`."""
