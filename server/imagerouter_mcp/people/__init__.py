"""Keep the people who use a server: who they are, what each may do, and their tokens."""
