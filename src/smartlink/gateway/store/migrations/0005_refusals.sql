-- Callers that the receiver turned away, each with its reason and how often (R69). AE titles are as the caller sent them.
CREATE TABLE refusal (
    calling_ae_title TEXT NOT NULL,
    called_ae_title TEXT NOT NULL,
    address TEXT NOT NULL,
    why TEXT NOT NULL,
    times INTEGER NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (calling_ae_title, called_ae_title, address, why)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusal_last ON refusal (last_at);
