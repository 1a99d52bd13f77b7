"""The stand-in for the bank's API: callers, accounts, transfers and cards, kept in one file, with faults on demand."""
