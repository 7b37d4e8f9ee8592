"""Background work: jobs deferred in the transaction that needs them, done by a worker (procrastinate)."""
