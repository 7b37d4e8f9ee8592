"""The revisions of the schema, run by `store.schema`."""
