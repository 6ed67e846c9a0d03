-- Which process does what only one is to do at a time, and until when that holds unless it says so again.
CREATE TABLE leaders (
    task TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL
) WITHOUT ROWID;
