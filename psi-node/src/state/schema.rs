//! The tables, and how a state of an older version becomes one of this version.
//!
//! The version is `SQLite`'s `user_version`. A migration is never changed once released; a new one
//! is appended.

use rusqlite::{Connection, TransactionBehavior};

use super::StateError;

const MIGRATIONS: &[&str] = &[
    FIRST,
    OUTPUTS,
    REVISIONS_AND_APPROVALS,
    BUDGET,
    AUDIT,
    AWAITED,
    CHARGES,
    SHARES,
    COLUMN_TYPES,
    CONTACT,
    INVITES_EXPIRE,
];

const FIRST: &str = "
CREATE TABLE collabs (
    id          BLOB PRIMARY KEY CHECK (length(id) = 32),
    name        TEXT NOT NULL UNIQUE,
    document    TEXT NOT NULL,
    joined_unix INTEGER NOT NULL
) STRICT;

-- What the owner must know about a log before new jobs: why it is broken, and the statement that
-- repairs it.
CREATE TABLE chain_status (
    collab_id BLOB PRIMARY KEY REFERENCES collabs(id),
    broken    TEXT,
    repair    TEXT
) STRICT;

-- signature_0 is that of the member with the smaller node id.
CREATE TABLE entries (
    collab_id   BLOB NOT NULL REFERENCES collabs(id),
    seq         INTEGER NOT NULL CHECK (seq >= 0),
    entry       BLOB NOT NULL,
    hash        BLOB NOT NULL CHECK (length(hash) = 64),
    signature_0 BLOB CHECK (length(signature_0) = 64),
    signature_1 BLOB CHECK (length(signature_1) = 64),
    PRIMARY KEY (collab_id, seq)
) STRICT;

-- A job is opened once: that is what this primary key enforces.
CREATE TABLE opened_jobs (
    job_id     BLOB PRIMARY KEY CHECK (length(job_id) = 64),
    collab_id  BLOB NOT NULL,
    opened_seq INTEGER NOT NULL,
    closed_seq INTEGER,
    FOREIGN KEY (collab_id, opened_seq) REFERENCES entries(collab_id, seq),
    FOREIGN KEY (collab_id, closed_seq) REFERENCES entries(collab_id, seq)
) STRICT;
CREATE INDEX opened_jobs_open ON opened_jobs(collab_id, opened_seq) WHERE closed_seq IS NULL;

CREATE TABLE ledger (
    job_id    BLOB PRIMARY KEY REFERENCES opened_jobs(job_id),
    collab_id BLOB NOT NULL REFERENCES collabs(id),
    jobs      INTEGER NOT NULL CHECK (jobs >= 0)
) STRICT;
CREATE INDEX ledger_collab ON ledger(collab_id);

CREATE TABLE jobs (
    id            TEXT PRIMARY KEY,
    job_id        BLOB CHECK (length(job_id) = 64),
    collab_id     BLOB NOT NULL CHECK (length(collab_id) = 32),
    collab        TEXT NOT NULL,
    role          TEXT NOT NULL,
    query         TEXT NOT NULL,
    state         TEXT NOT NULL,
    reason        TEXT,
    detail        TEXT,
    result        TEXT,
    created_unix  INTEGER NOT NULL,
    finished_unix INTEGER
) STRICT;
CREATE INDEX jobs_created ON jobs(created_unix);

CREATE TABLE local_log (
    seq       INTEGER PRIMARY KEY,
    previous  BLOB NOT NULL CHECK (length(previous) = 64),
    unix      INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    text      TEXT NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;
";

const OUTPUTS: &str = "
-- What a recipient shows to prove a result: salt and cells of the output commitment.
CREATE TABLE outputs (
    job_id BLOB PRIMARY KEY CHECK (length(job_id) = 64),
    salt   BLOB NOT NULL CHECK (length(salt) = 32),
    cells  BLOB NOT NULL
) STRICT;
";

const REVISIONS_AND_APPROVALS: &str = "
-- Every revision of a collaboration that was joined; the one in force stands in collabs too.
CREATE TABLE collab_revisions (
    collab_id   BLOB NOT NULL REFERENCES collabs(id),
    revision    INTEGER NOT NULL CHECK (revision >= 1),
    document    TEXT NOT NULL,
    joined_unix INTEGER NOT NULL,
    PRIMARY KEY (collab_id, revision)
) STRICT;
INSERT INTO collab_revisions (collab_id, revision, document, joined_unix)
    SELECT id, 1, document, joined_unix FROM collabs;

-- Questions over tables whose owner approves each run. A decision stands until it expires.
CREATE TABLE approvals (
    id             TEXT PRIMARY KEY,
    question       BLOB NOT NULL CHECK (length(question) = 64),
    collab_id      BLOB NOT NULL REFERENCES collabs(id),
    collab         TEXT NOT NULL,
    asker          TEXT NOT NULL,
    table_name     TEXT NOT NULL,
    query          TEXT NOT NULL,
    recipients     TEXT NOT NULL,
    sizes          TEXT NOT NULL,
    rules          TEXT NOT NULL,
    state          TEXT NOT NULL,
    reason         TEXT,
    asked          INTEGER NOT NULL,
    requested_unix INTEGER NOT NULL,
    expires_unix   INTEGER NOT NULL,
    decided_unix   INTEGER,
    job_id         BLOB CHECK (length(job_id) = 64)
) STRICT;
CREATE INDEX approvals_question ON approvals(question);
";

const BUDGET: &str = "
-- What it counted, the opened jobs say themselves; their debits are made up for at start.
DROP TABLE ledger;

-- What a job costs, from its acceptance on. `unix` is the ledger's time, never the bare clock's.
CREATE TABLE debits (
    job_id        BLOB PRIMARY KEY CHECK (length(job_id) = 64),
    collab_id     BLOB NOT NULL CHECK (length(collab_id) = 32),
    peer_id       BLOB NOT NULL CHECK (length(peer_id) = 32),
    peer          TEXT NOT NULL,
    table_name    TEXT NOT NULL,
    population    TEXT,
    micro_epsilon INTEGER NOT NULL CHECK (micro_epsilon >= 0),
    delta_units   INTEGER NOT NULL CHECK (delta_units >= 0),
    unix          INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'released'))
) STRICT;
CREATE INDEX debits_table ON debits(table_name, unix) WHERE state <> 'released';
CREATE INDEX debits_population ON debits(population, unix) WHERE state <> 'released';
CREATE INDEX debits_reserved ON debits(state) WHERE state = 'reserved';
CREATE INDEX debits_unix ON debits(unix);

-- The latest time that was ever seen.
CREATE TABLE ledger_clock (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    latest_unix INTEGER NOT NULL
) STRICT;

-- Why debits may be missing, what the owner says about it, and which collaborations were not
-- settled since.
CREATE TABLE ledger_doubt (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    why       TEXT NOT NULL,
    statement TEXT
) STRICT;
CREATE TABLE ledger_unsettled (
    collab_id BLOB PRIMARY KEY REFERENCES collabs(id)
) STRICT;
";

const AUDIT: &str = "
-- Policies under which this node agreed to jobs, by the digest on the receipts.
CREATE TABLE policies (
    digest     BLOB PRIMARY KEY CHECK (length(digest) = 64),
    salt       BLOB NOT NULL CHECK (length(salt) = 32),
    text       TEXT NOT NULL UNIQUE,
    first_unix INTEGER NOT NULL
) STRICT;

-- Which entries are refusals, to count those that follow each other.
CREATE TABLE refusals (
    collab_id BLOB NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (collab_id, seq),
    FOREIGN KEY (collab_id, seq) REFERENCES entries(collab_id, seq)
) STRICT;

-- Records for the owner's auditor: one encrypted file for each job.
CREATE TABLE audit_records (
    job_id         BLOB PRIMARY KEY CHECK (length(job_id) = 64),
    created_unix   INTEGER NOT NULL,
    expires_unix   INTEGER NOT NULL,
    complete       INTEGER NOT NULL CHECK (complete IN (0, 1)),
    input_bytes    INTEGER NOT NULL CHECK (input_bytes >= 0),
    received_bytes INTEGER NOT NULL CHECK (received_bytes >= 0),
    file_bytes     INTEGER NOT NULL CHECK (file_bytes >= 0)
) STRICT;
";

const AWAITED: &str = "
-- What this node, as follower, can be brought in a settlement: of its own jobs, what it sent for
-- the opened entry and found for the closed one; of questions, the refusals that may come.
CREATE TABLE awaited_jobs (
    job_id            BLOB PRIMARY KEY CHECK (length(job_id) = 64),
    collab_id         BLOB NOT NULL REFERENCES collabs(id),
    commitment        BLOB NOT NULL CHECK (length(commitment) = 64),
    policy            BLOB NOT NULL CHECK (length(policy) = 64),
    output_commitment BLOB CHECK (length(output_commitment) = 64),
    to_sender         BLOB CHECK (length(to_sender) = 64),
    to_receiver       BLOB CHECK (length(to_receiver) = 64)
) STRICT;
CREATE TABLE awaited_refusals (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    collab_id BLOB NOT NULL REFERENCES collabs(id),
    requester BLOB NOT NULL CHECK (length(requester) = 32),
    query     BLOB NOT NULL CHECK (length(query) = 64),
    code      INTEGER
) STRICT;
CREATE INDEX awaited_refusals_collab ON awaited_refusals(collab_id, requester, query);
";

const CHARGES: &str = "
-- What became of the epsilon of a debit, and whether its job counts as a run, are two things. An
-- older version did not write down when a job began to read rows, so one that holds a reservation
-- counts; one whose reservation had been released was not opened, so nothing was handed over.
CREATE TABLE charges (
    job_id        BLOB PRIMARY KEY CHECK (length(job_id) = 64),
    collab_id     BLOB NOT NULL CHECK (length(collab_id) = 32),
    peer_id       BLOB NOT NULL CHECK (length(peer_id) = 32),
    peer          TEXT NOT NULL,
    table_name    TEXT NOT NULL,
    population    TEXT,
    micro_epsilon INTEGER NOT NULL CHECK (micro_epsilon >= 0),
    delta_units   INTEGER NOT NULL CHECK (delta_units >= 0),
    unix          INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'kept', 'returned')),
    run           TEXT NOT NULL CHECK (run IN ('held', 'counted', 'free'))
) STRICT;
INSERT INTO charges (job_id, collab_id, peer_id, peer, table_name, population, micro_epsilon,
                     delta_units, unix, state, run)
    SELECT job_id, collab_id, peer_id, peer, table_name, population, micro_epsilon, delta_units,
           unix, CASE state WHEN 'released' THEN 'returned' ELSE state END,
           CASE state WHEN 'released' THEN 'free' ELSE 'counted' END
    FROM debits ORDER BY rowid;
DROP TABLE debits;
ALTER TABLE charges RENAME TO debits;
CREATE INDEX debits_table ON debits(table_name, unix) WHERE run <> 'free';
CREATE INDEX debits_population ON debits(population, unix) WHERE state <> 'returned';
CREATE INDEX debits_reserved ON debits(state) WHERE state = 'reserved';
CREATE INDEX debits_unix ON debits(unix);
";

const SHARES: &str = "
-- What peers have put on this node's own log in an hour, by collaboration, and how much was left
-- out beyond their share, by code.
CREATE TABLE note_hours (
    whose BLOB PRIMARY KEY CHECK (length(whose) = 32),
    hour  INTEGER NOT NULL,
    noted INTEGER NOT NULL
) STRICT;
CREATE TABLE left_out (
    whose BLOB NOT NULL CHECK (length(whose) = 32),
    hour  INTEGER NOT NULL,
    code  TEXT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (whose, hour, code)
) STRICT;

-- What a day has brought on a shared log. Only the latest day of each is kept.
CREATE TABLE log_days (
    collab_id BLOB PRIMARY KEY REFERENCES collabs(id),
    day       INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    refusals  INTEGER NOT NULL
) STRICT;
CREATE TABLE statement_days (
    collab_id  BLOB NOT NULL REFERENCES collabs(id),
    node_id    BLOB NOT NULL CHECK (length(node_id) = 32),
    day        INTEGER NOT NULL,
    statements INTEGER NOT NULL,
    PRIMARY KEY (collab_id, node_id)
) STRICT;

-- Collaborations in which this node's owner takes no part, for now or for good.
CREATE TABLE collab_standing (
    collab_id BLOB PRIMARY KEY REFERENCES collabs(id),
    standing  TEXT NOT NULL CHECK (standing IN ('suspended', 'left')),
    unix      INTEGER NOT NULL
) STRICT;

-- A job that read no row and handed nothing over leaves no debit.
DELETE FROM debits WHERE state = 'returned' AND run = 'free';
CREATE INDEX debits_runs ON debits(table_name, peer_id, unix) WHERE run <> 'free';
CREATE INDEX debits_runs_by_name ON debits(table_name, peer, unix) WHERE run <> 'free';
DROP INDEX debits_table;
CREATE INDEX jobs_collab ON jobs(collab_id, role, created_unix);
CREATE INDEX approvals_collab ON approvals(collab_id, requested_unix);
";

const COLUMN_TYPES: &str = "
-- What the columns of this node's tables of text files were when the table was last served.
CREATE TABLE column_types (
    table_name  TEXT NOT NULL,
    column_name TEXT NOT NULL,
    type        TEXT NOT NULL,
    PRIMARY KEY (table_name, column_name)
) STRICT;
";

const CONTACT: &str = "
-- Accepted invites that lack the inviter's signature: the document with this node's, and the reply.
CREATE TABLE awaited_collabs (
    id            BLOB PRIMARY KEY CHECK (length(id) = 32),
    name          TEXT NOT NULL UNIQUE,
    document      TEXT NOT NULL,
    reply         TEXT NOT NULL,
    accepted_unix INTEGER NOT NULL
) STRICT;

-- What the other member of a collaboration said last about its tables; NULL where it says nothing.
CREATE TABLE offers (
    collab_id BLOB PRIMARY KEY CHECK (length(collab_id) = 32),
    offer     BLOB,
    told_unix INTEGER NOT NULL
) STRICT;
";

const INVITES_EXPIRE: &str = "
-- Until when an accepted invite may be completed; NULL where an older version accepted it, whose reply
-- says it.
ALTER TABLE awaited_collabs ADD COLUMN expires_unix INTEGER;
";

/// The version this program writes.
pub(super) const VERSION: i64 = 11;

/// Brings the database to [`VERSION`].
pub(super) fn migrate(connection: &mut Connection, place: &str) -> Result<(), StateError> {
    // The write lock makes a second process wait and then find the work done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        let place = place.to_owned();
        return Err(StateError::Newer {
            place,
            found,
            known: VERSION,
        });
    }
    if found == VERSION {
        // Nothing to write, and nothing to wait for until it is on the disk.
        return Ok(());
    }
    let done = usize::try_from(found)
        .map_err(|_| StateError::Damaged(format!("its version is {found}")))?;
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests;
