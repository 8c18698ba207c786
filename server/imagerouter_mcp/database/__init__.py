"""Open databases when first needed, migrate them, run transactions, and explain failures."""
