"""A paid call, from request to result: plan, run, deliver."""
