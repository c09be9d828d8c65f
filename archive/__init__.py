"""What is known and what is kept: the model, the providers' languages, the ledger, the store. Imports neither shell."""
