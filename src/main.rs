//! The binary: arguments → configuration → logger → run.

fn main() {}
