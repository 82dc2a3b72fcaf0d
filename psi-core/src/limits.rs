//! Every bound on what a peer, or this side's own configuration, can make this crate hold or do.
//!
//! Spec 09 §2 lists the bounds with their reasons.

/// Bytes of one control message after its frame header. The largest is a proposal with a query of
/// [`QUERY_BYTES_MAX`] and [`HIDDEN_LITERALS_MAX`] commitments, or an entry.
pub const CONTROL_BYTES_MAX: usize = 128 * 1024;

/// Bytes of an invite, and of a reply to one: what a person pastes, and an offer in it.
pub const INVITE_BYTES_MAX: usize = 40 * 1024;

/// Seconds for which an invite may be accepted: ninety days.
pub const INVITE_SECONDS_MAX: u64 = 90 * 24 * 60 * 60;

/// Bytes of what a member's tables offer.
pub const OFFER_BYTES_MAX: usize = 32 * 1024;

/// Tables of an offer.
pub const OFFER_TABLES_MAX: usize = 64;

/// Items of one list of an offered table, such as its filter columns.
pub const OFFER_ITEMS_MAX: usize = 256;

/// Bytes of one name or word of an offer, an invite or a reply.
pub const OFFER_TEXT_BYTES_MAX: usize = 256;

/// Bytes of one rows frame's body. Large enough that headers cost next to nothing, small enough
/// that several jobs buffer little.
pub const ROWS_BYTES_MAX: usize = 256 * 1024;

/// Bytes of canonical query text.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;

/// Characters of a LIKE pattern after runs of `%` are joined.
pub const LIKE_PATTERN_CHARS_MAX: usize = 256;

/// Hidden literals of one query.
pub const HIDDEN_LITERALS_MAX: usize = 256;

/// Columns of one join key.
pub const KEY_COLUMNS_MAX: usize = 8;

/// Bytes of one member, table or column name.
pub const NAME_BYTES_MAX: usize = 128;

/// Bytes of one identifier value after normalisation; longer values are NULL.
pub const IDENTIFIER_BYTES_MAX: usize = 4096;

/// Registered identities of one list. 2^36 rows of 32 bytes are 2 TiB, beyond one machine's job.
pub const IDENTITIES_MAX: u64 = 1 << 36;

/// Expressions of GROUP BY on one side.
pub const GROUP_COLUMNS_MAX: usize = 8;

/// Groups of all of one side's expressions of GROUP BY together, each one's `other` included.
pub const GROUP_VALUES_MAX: usize = 256;

/// Bytes of the labels of all of one side's groups together.
pub const GROUP_LABEL_BYTES_MAX: usize = 8 * 1024;

/// Aggregated expressions on one side.
pub const VALUES_MAX: usize = 32;

/// Decimal scale of an aggregated expression; ten to this power fits in 127 bits.
pub const DECIMALS_MAX: u8 = 36;

/// Parts of one Receiver list. Each costs canaries, a sort and an extension of the transfer.
pub const PARTS_MAX: u64 = 512;

/// Payload components at one Sender position.
pub const COMPONENTS_MAX: u64 = 256;

/// Parts times payload components: the numbers that one match opens. Each costs eight bytes for
/// every Sender position.
pub const CELLS_MAX: u64 = 8 * 1024;

/// Fewest and most canaries of one part (design of the canary check: Spec 04 §4).
pub const CANARIES_MIN: u64 = 64;
/// See [`CANARIES_MIN`].
pub const CANARIES_MAX: u64 = 1024;

/// Bytes of one encoded receipt entry. An opened entry holds a whole job specification; the rest
/// of a control message must still fit around it.
pub const ENTRY_BYTES_MAX: usize = 112 * 1024;

/// Bytes of an owner's statement on a receipt log.
pub const STATEMENT_BYTES_MAX: usize = 2 * 1024;

/// Questions of one collaboration that wait for an owner's approval at once. A peer can make each
/// of these rows in the node's state.
pub const APPROVALS_PENDING_MAX: usize = 64;

/// New questions of one member that are put before an owner in a day.
pub const APPROVALS_PER_DAY_MAX: u64 = 64;

/// Refusals that a node records between two opened jobs. A peer that asks again and again and is
/// refused each time must not make the receipt log long.
pub const REFUSALS_RECORDED_MAX: u64 = 16;

/// Refused entries of one day on a receipt log, for the same reason.
pub const REFUSALS_PER_DAY_MAX: u64 = 64;

/// Bytes of entries that a receipt log takes in a day before new questions are refused: two hundred
/// jobs with the longest specification, or ten thousand with common ones.
pub const LOG_BYTES_PER_DAY_MAX: u64 = 32 * 1024 * 1024;

/// Statements of one member on a receipt log in a day: one for each repair.
pub const STATEMENTS_PER_DAY_MAX: u64 = 4;

/// Entries about what peers asked under one collaboration that a node adds to its own log in an
/// hour. Beyond that, it only counts them by code.
pub const NOTES_PER_HOUR_MAX: u64 = 60;

/// Lines about one collaboration that a node's operator finds in the program's log in an hour.
/// Beyond that, they are only counted.
pub const LOG_LINES_PER_HOUR_MAX: u64 = 120;

/// Questions of one collaboration that may fail in an hour. Further ones are refused without being
/// judged.
pub const QUESTIONS_FAILED_PER_HOUR_MAX: u64 = 300;

/// Refused jobs of one collaboration that a node keeps for its owner to see.
pub const REFUSED_JOBS_MAX: u64 = 10 * 1000;

/// Inquiries of one peer that are answered at the same time.
pub const INQUIRIES_MAX: usize = 2;

/// Jobs about one table with one peer in a day, where the owner does not set `runs`. Each of them
/// reads the table, and no peer needs more questions before the owner has thought about it.
pub const RUNS_PER_DAY_UNLESS_SAID: u64 = 50;

/// Running jobs that one side may name while settling; a node never runs more at once.
pub const LIVE_JOBS_MAX: usize = 64;

/// Runs of one list that are merged at once. With more, the buffers of one reader grow large; with
/// fewer, long lists are written twice sooner.
pub const MERGE_RUNS_MAX: usize = 128;

/// Runs that a list may have while it is written. Several times [`MERGE_RUNS_MAX`], so that merging
/// early is rare; bounded, because each is a file.
pub const LIST_RUNS_MAX: usize = 1024;

/// Bytes that every list may hold in memory however full the budget is, so that work can always go
/// on.
pub const LIST_BYTES_GUARANTEED: usize = 1024 * 1024;

/// Bytes that a finished list may keep in memory however full the budget is. A match holds up to
/// [`PARTS_MAX`] lists of each kind, so at most half a MiB of each kind.
pub const SMALL_LIST_BYTES: usize = 1024;

/// Bytes read at once from each of many runs; [`MERGE_RUNS_MAX`] of them are 3 MiB per reader.
pub const READ_BUFFER_BYTES_MIN: usize = 24 * 1024;

/// Bytes read at once from each of few runs.
pub const READ_BUFFER_BYTES_MAX: usize = 256 * 1024;

/// Batches that wait for the thread of one list: enough that neither side waits for every step of
/// the other.
pub const QUEUED_BATCHES_MAX: usize = 4;

/// Bytes of one batch for the thread of a list. Large enough that handing it over costs little
/// beside sorting it.
pub const QUEUED_BATCH_BYTES: usize = 128 * 1024;

/// Components of the payload of one position: as many sums and counts as one query asks for, over
/// all groups of the Sender.
pub const TRANSFER_COMPONENTS_MAX: usize = 256;

/// Rows of one oblivious transfer, parts times positions. The Receiver keeps one bit of each row in
/// memory, and 16 bytes of each cross the wire.
pub const TRANSFER_ROWS_MAX: u64 = 1 << 32;

/// Sums that come out of one oblivious transfer, parts times components. Both sides keep them, and
/// their shares, in memory.
pub const TRANSFER_SUMS_MAX: u64 = 1 << 16;

/// Epsilon of one released number, in millionths. Noise beyond this hides nothing, and the error
/// bounds of the samplers hold up to here.
pub const EPSILON_MICROS_MAX: u64 = 16 * 1000 * 1000;

/// Dummies of one part, T. A sampler's table holds 16 bytes for each, and a draw looks at all of
/// it.
pub const DUMMIES_MAX: u64 = 32 * 1024;

/// What one identity can add to a number that is opened with noise.
pub const SENSITIVITY_MAX: u64 = 1 << 62;

/// Bits of the noise of one share: two of them added to a sum must stay within 64.
pub const NOISE_BITS_MAX: u32 = 62;
