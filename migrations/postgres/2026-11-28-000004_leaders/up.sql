-- Which process does what only one is to do at a time, and until when that holds unless it says so again.
CREATE TABLE leaders (
    task TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    until TIMESTAMPTZ NOT NULL
);
