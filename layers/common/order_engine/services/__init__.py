"""The use cases, one a module. They know the ports, never a store or a chain by name."""
