-- SOP Classes that callers proposed and that are not taken: each with who proposed it and how often (R68).
CREATE TABLE offered_syntax (
    calling_ae_title TEXT NOT NULL,
    abstract_syntax_uid TEXT NOT NULL,
    address TEXT NOT NULL,
    times INTEGER NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (calling_ae_title, abstract_syntax_uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX offered_syntax_last ON offered_syntax (last_at);
