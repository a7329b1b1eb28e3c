"""The command line for operators: API keys, pools on Solana, and the switches of the simulated market."""
