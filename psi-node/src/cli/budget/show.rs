//! `psi-node budget show` and `history`: the account in this node's state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use aggregator::budget::{
    Amount, Odometer, Period, PopulationConfig, RunCounts, RunLimits, delta_text, epsilon_text,
};
use aggregator::calendar::day_text;
use serde_json::{Map, Value, json};

use crate::cli::output::{self, Format, Table};
use crate::cli::{Common, NewestArgs};
use crate::collab::CollabId;
use crate::config::NodeConfig;
use crate::error::UserError;
use crate::state::{State, StoredDebit, now_unix};

/// One line of the account: a population with all peers together, or with one.
struct Line {
    peer: Option<String>,
    limit: Amount,
    odometer: Odometer,
}

/// The account of one population.
struct Account<'a> {
    name: &'a str,
    config: &'a PopulationConfig,
    lines: Vec<Line>,
}

/// How often one table was used, by peer.
struct Runs<'a> {
    table: &'a str,
    limits: RunLimits,
    peers: Vec<(String, RunCounts)>,
}

pub(super) fn show(args: &Common) -> Result<(), UserError> {
    let config = args.config.load()?;
    let state = State::open(&config.state_dir())?;
    let now = state.budget_now(now_unix())?;
    let accounts = accounts(&config, &state, now)?;
    let runs = runs(&config, &state, now)?;
    match args.format {
        Format::Json => output::print_json(&json!({
            "now_unix": now,
            "populations": accounts.iter().map(|a| account_json(a, now)).collect::<Vec<_>>(),
            "runs": runs.iter().flat_map(|r| runs_json(r, now)).collect::<Vec<_>>(),
            "doubt": doubt_json(&state)?,
        })),
        Format::Table => {
            let mut text = account_table(&accounts, now);
            text.push_str(&runs_table(&runs));
            if let Some(doubt) = state.ledger_doubts()? {
                // Writing into a String cannot fail.
                let _ = match doubt.statement {
                    None => writeln!(
                        text,
                        "No budget is served: {}\nRecord what happened with `psi-node budget repair`.",
                        doubt.why
                    ),
                    Some(_) => writeln!(
                        text,
                        "No budget is served until these are settled: {}",
                        names(&state, &doubt.unsettled)?
                    ),
                };
            }
            output::print(&text)
        }
    }
}

fn accounts<'a>(
    config: &'a NodeConfig,
    state: &State,
    now: i64,
) -> Result<Vec<Account<'a>>, UserError> {
    let mut accounts = Vec::new();
    let shared = state.budget_is_shared()?;
    for (name, config) in &config.population {
        let (all, by_peer) = state.budget_of(name, config.refresh, now)?;
        let by_peer: BTreeMap<String, Odometer> = by_peer.into_iter().collect();
        let mut lines = vec![Line {
            peer: None,
            limit: config.limit,
            odometer: all,
        }];
        let peers: BTreeSet<&String> = config.per_peer.keys().chain(by_peer.keys()).collect();
        for peer in peers {
            let limit = config.of_peer(peer, shared).limit;
            lines.push(Line {
                peer: Some(peer.clone()),
                limit,
                odometer: by_peer.get(peer).copied().unwrap_or_default(),
            });
        }
        accounts.push(Account {
            name,
            config,
            lines,
        });
    }
    Ok(accounts)
}

fn runs<'a>(config: &'a NodeConfig, state: &State, now: i64) -> Result<Vec<Runs<'a>>, UserError> {
    let mut tables = Vec::new();
    for (table, section) in &config.table {
        tables.push(Runs {
            table,
            limits: section.runs,
            peers: state.budget_runs(table, now)?,
        });
    }
    Ok(tables)
}

/// A line's tightest column: what is left for a peer is bounded by what is left for all.
fn left(account: &Account<'_>, line: &Line) -> Amount {
    let all = account
        .lines
        .first()
        .map_or(line.limit, |all| all.odometer.left(all.limit));
    line.odometer.left(line.limit).least(all)
}

fn account_table(accounts: &[Account<'_>], now: i64) -> String {
    if accounts.is_empty() {
        return "No population has a budget.\n".to_owned();
    }
    let mut table = Table::new(&[
        "POPULATION",
        "PEER",
        "EPSILON",
        "SPENT",
        "RESERVED",
        "LEFT",
        "DELTA",
        "SPENT",
        "RESERVED",
        "LEFT",
        "RENEWED",
    ]);
    for account in accounts {
        let next = account.config.refresh.next(now);
        for line in &account.lines {
            let Line {
                limit, odometer, ..
            } = line;
            let left = left(account, line);
            table.row([
                account.name,
                line.peer.as_deref().unwrap_or("all"),
                &epsilon_text(limit.micro_epsilon),
                &epsilon_text(odometer.spent.micro_epsilon),
                &epsilon_text(odometer.reserved.micro_epsilon),
                &epsilon_text(left.micro_epsilon),
                &delta_text(limit.delta_units),
                &delta_text(odometer.spent.delta_units),
                &delta_text(odometer.reserved.delta_units),
                &delta_text(left.delta_units),
                &next.map_or_else(|| "never".to_owned(), day_text),
            ]);
        }
    }
    table.render()
}

fn runs_table(tables: &[Runs<'_>]) -> String {
    let mut table = Table::new(&["TABLE", "PEER", "DAY", "WEEK", "MONTH", "LIFETIME"]);
    for runs in tables {
        let mut row = |peer: &str, counts: &RunCounts| {
            let cells = Period::ALL.into_iter().zip(counts.0).map(|(period, used)| {
                match runs.limits.of(period) {
                    Some(limit) => format!("{used} of {limit}"),
                    None => used.to_string(),
                }
            });
            let names = [runs.table.to_owned(), peer.to_owned()];
            table.row(names.into_iter().chain(cells));
        };
        for (peer, counts) in &runs.peers {
            row(peer, counts);
        }
        if runs.peers.is_empty() {
            row("-", &RunCounts::default());
        }
    }
    if table.is_empty() {
        return String::new();
    }
    format!("\n{}", table.render())
}

fn amount_json(amount: Amount) -> Value {
    json!({
        "epsilon": epsilon_text(amount.micro_epsilon),
        "delta": delta_text(amount.delta_units),
        "delta_units": amount.delta_units.to_string(),
    })
}

fn account_json(account: &Account<'_>, now: i64) -> Value {
    let line_json = |line: &Line| {
        json!({
            "peer": line.peer,
            "limit": amount_json(line.limit),
            "spent": amount_json(line.odometer.spent),
            "reserved": amount_json(line.odometer.reserved),
            "left": amount_json(left(account, line)),
        })
    };
    let (all, peers): (Vec<&Line>, Vec<&Line>) =
        account.lines.iter().partition(|line| line.peer.is_none());
    let mut value = all.first().map_or(Value::Null, |line| line_json(line));
    if let Value::Object(fields) = &mut value {
        fields.remove("peer");
        let refresh = account.config.refresh;
        fields.insert("name".into(), json!(account.name));
        fields.insert("refresh".into(), json!(refresh.as_str()));
        fields.insert("began_unix".into(), json!(refresh.begin(now)));
        fields.insert("renewed_unix".into(), json!(refresh.next(now)));
        let peers: Vec<Value> = peers.into_iter().map(line_json).collect();
        fields.insert("peers".into(), json!(peers));
    }
    value
}

fn runs_json(runs: &Runs<'_>, now: i64) -> Vec<Value> {
    let one = |peer: Option<&str>, counts: &RunCounts| {
        let mut fields = Map::new();
        fields.insert("table".into(), json!(runs.table));
        fields.insert("peer".into(), json!(peer));
        for (period, used) in Period::ALL.into_iter().zip(counts.0) {
            let limit = runs.limits.of(period);
            let value = json!({"used": used, "limit": limit, "renewed_unix": period.next(now)});
            fields.insert(period.run_field().into(), value);
        }
        Value::Object(fields)
    };
    if runs.peers.is_empty() {
        return vec![one(None, &RunCounts::default())];
    }
    let peers = runs.peers.iter();
    peers
        .map(|(peer, counts)| one(Some(peer), counts))
        .collect()
}

fn doubt_json(state: &State) -> Result<Value, UserError> {
    let Some(doubt) = state.ledger_doubts()? else {
        return Ok(Value::Null);
    };
    let unsettled = doubt
        .unsettled
        .iter()
        .map(|id| name(state, id))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(json!({
        "why": doubt.why,
        "statement": doubt.statement,
        "unsettled": unsettled,
    }))
}

/// The names of collaborations, for a sentence.
pub(super) fn names(state: &State, collabs: &[CollabId]) -> Result<String, UserError> {
    let names = collabs.iter().map(|id| name(state, id));
    Ok(names.collect::<Result<Vec<_>, _>>()?.join(", "))
}

fn name(state: &State, id: &CollabId) -> Result<String, UserError> {
    let collab = state.collab_by_id(id)?;
    Ok(collab.map_or_else(|| hex::encode(id), |collab| collab.name().to_owned()))
}

pub(super) fn history(args: &NewestArgs) -> Result<(), UserError> {
    let state = args.common.config.state()?;
    let debits = state.budget_history(args.limit)?;
    match args.common.format {
        Format::Json => {
            let lines = debits.iter().map(|stored| debit_json(&state, stored));
            output::print_json(&lines.collect::<Result<Vec<_>, _>>()?)
        }
        Format::Table => {
            let mut table = Table::new(&[
                "TIME",
                "JOB",
                "COLLAB",
                "PEER",
                "TABLE",
                "POPULATION",
                "EPSILON",
                "DELTA",
                "STATE",
                "RUN",
            ]);
            for StoredDebit {
                collab_id,
                debit,
                state: stands,
                run,
            } in &debits
            {
                let job = hex::encode(debit.job_id);
                table.row([
                    output::utc(debit.unix).as_str(),
                    job.get(..16).unwrap_or(&job),
                    &name(&state, collab_id)?,
                    &debit.peer,
                    &debit.table,
                    debit.population.as_deref().unwrap_or("-"),
                    &epsilon_text(debit.amount.micro_epsilon),
                    &delta_text(debit.amount.delta_units),
                    stands.as_str(),
                    run.as_str(),
                ]);
            }
            output::print(&table.render())
        }
    }
}

fn debit_json(state: &State, stored: &StoredDebit) -> Result<Value, UserError> {
    let debit = &stored.debit;
    Ok(json!({
        "unix": debit.unix,
        "job_id": hex::encode(debit.job_id),
        "collab": name(state, &stored.collab_id)?,
        "peer": debit.peer,
        "peer_id": hex::encode(debit.peer_id),
        "table": debit.table,
        "population": debit.population,
        "cost": amount_json(debit.amount),
        "state": stored.state.as_str(),
        "run": stored.run.as_str(),
    }))
}
