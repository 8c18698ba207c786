"""What was made and what is being made: files, handles, records, the journal, what was spent."""
