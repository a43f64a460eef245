"""What the graph sees: a schema and a call, one file a family."""
