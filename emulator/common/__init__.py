"""What every service uses: the clock, the account, errors, servers."""
