//! What becomes of a state that an older version wrote.

use aggregator::budget::{DebitState, RunState};
use rusqlite::Connection;

use psi_core::spec::CollabId;

use super::{MIGRATIONS, VERSION};
use crate::state::place::private_tempdir;
use crate::state::{STATE_FILE, State};

#[test]
fn the_version_counts_the_migrations() {
    assert_eq!(usize::try_from(VERSION).unwrap(), MIGRATIONS.len());
}

#[test]
fn debits_of_an_older_state_count_as_runs_and_those_that_were_released_are_gone() {
    let folder = private_tempdir();
    let old = Connection::open(folder.path().join(STATE_FILE)).unwrap();
    for migration in &MIGRATIONS[..6] {
        old.execute_batch(migration).unwrap();
    }
    for (number, state) in ["reserved", "committed", "released"].iter().enumerate() {
        let sql = "INSERT INTO debits VALUES (?1, zeroblob(32), zeroblob(32), 'shop', 't',
                   'people', 5, 0, ?2, ?3)";
        let number = u8::try_from(number).unwrap();
        let values = rusqlite::params![[number; 64], i64::from(number), state];
        old.execute(sql, values).unwrap();
    }
    old.execute_batch("PRAGMA user_version = 6;").unwrap();
    drop(old);
    let state = State::open(folder.path()).unwrap();
    let found = state.budget_history(9).unwrap();
    let found: Vec<_> = found.iter().map(|found| (found.state, found.run)).collect();
    // The released one was not opened, so it holds nothing and is gone.
    assert_eq!(
        found,
        [
            (DebitState::Committed, RunState::Counted),
            (DebitState::Reserved, RunState::Counted),
        ]
    );
}

#[test]
fn the_opened_jobs_of_a_state_with_a_plain_counter_are_kept_and_wait_for_their_debits() {
    let folder = private_tempdir();
    let old = Connection::open(folder.path().join(STATE_FILE)).unwrap();
    for migration in &MIGRATIONS[..2] {
        old.execute_batch(migration).unwrap();
    }
    old.execute_batch(
        "INSERT INTO collabs VALUES (zeroblob(32), 'summer', '', 0);
         INSERT INTO entries VALUES (zeroblob(32), 0, x'01', zeroblob(64), NULL, NULL);
         INSERT INTO opened_jobs VALUES (zeroblob(64), zeroblob(32), 0, NULL);
         INSERT INTO ledger VALUES (zeroblob(64), zeroblob(32), 1);
         INSERT INTO jobs VALUES ('0a', zeroblob(64), zeroblob(32), 'summer', 'requester', '',
             'aborted', NULL, NULL, NULL, 77, NULL);
         PRAGMA user_version = 2;",
    )
    .unwrap();
    drop(old);
    let state = State::open(folder.path()).unwrap();
    assert_eq!(state.jobs_debited(&CollabId([0; 32])).unwrap(), 1);
    let found = state.budget_uncharged().unwrap();
    assert_eq!((found.len(), found[0].unix), (1, Some(77)));
}

#[test]
fn an_older_state_gets_a_place_for_when_its_accepted_invites_expire() {
    let folder = private_tempdir();
    let old = Connection::open(folder.path().join(STATE_FILE)).unwrap();
    for migration in &MIGRATIONS[..10] {
        old.execute_batch(migration).unwrap();
    }
    old.execute_batch(
        "INSERT INTO awaited_collabs VALUES (zeroblob(32), 'summer', '', '', 0);
         PRAGMA user_version = 10;",
    )
    .unwrap();
    drop(old);
    drop(State::open(folder.path()).unwrap());
    let new = Connection::open(folder.path().join(STATE_FILE)).unwrap();
    let sql = "SELECT name, expires_unix FROM awaited_collabs";
    let found: (String, Option<i64>) = new
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(found, ("summer".into(), None));
}
