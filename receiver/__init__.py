"""Turn an authentic delivery into an event committed to the ledger, then answer."""
