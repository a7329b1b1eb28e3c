"""The programs whose pools the engine trades in, a module each."""
