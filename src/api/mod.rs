//! Owns HTTP: the generated operations, their handlers, the one extractor, replies and status codes. The only module that names dropshot. Must not know: SQL, or what a job does.
