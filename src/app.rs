//! Owns starting and stopping: the one way to run a server, a worker, or both; used by main and by the tests.
