//! Owns the command line: subcommands, their output and their exit codes.
