//! Owns questions about OpenAPI documents: what changed between two, and whether it breaks callers.
