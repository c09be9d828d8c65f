"""The ledger: what we owe and what was done, in SQL. One short module per question asked of it."""
