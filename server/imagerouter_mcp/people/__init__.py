"""The people who use one server: who they are, what each may do, and the tokens that they show."""
