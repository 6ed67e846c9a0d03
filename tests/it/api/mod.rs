//! HTTP as its callers see it: a real server on port 0 with a database of its own.

mod access; // tokens, rate limits, CORS, what is served beside the contract
mod bodies; // sizes, encodings, content types, hostile bodies, the three modes
mod bulk; // many jobs at once
mod connections; // requests that never end, and a stop that does
mod control; // pauses, limits, workers, explanations
mod enqueue; // options, dry runs, unique keys, idempotency keys, dependencies
mod every_operation; // each operation of the contract, by the generated client
mod filters; // lists of jobs, filtered
mod groups; // jobs that belong together
mod health; // the seed's answers
mod jobs; // enqueueing, lists, states
mod pages; // lists in pages, their tokens
mod schedules; // create, change, pause, run, history; what is refused
mod users; // users, their versions
mod waiting; // for a job's end, for events, as a stream
mod work; // workers over HTTP
