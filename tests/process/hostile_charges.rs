//! What a peer that breaks off can do to runs and epsilon (Spec 13 §4): it uses up its own runs, and
//! epsilon only if it has taken what that pays for, or if the node went down.

use std::time::Duration;

use psi_core::Code;
use psi_core::dp::{Delta, Epsilon};
use psi_core::messages::Control;
use psi_core::messages::frame::ListId;
use psi_core::receipt::agreement_text;
use psi_core::spec::{AskedMode, JobSpec, Loss, Shape};
use psi_node::net::Frame;

use crate::harness::{Node, World, eventually, people, people_csv, people_table};
use crate::stage::{Asking, Bert, PEOPLE, QUERY, Stage, Wire, blinded, code, control, own_lists};

/// What a job costs anna.
const COST: &str = "0.5";

/// A stage whose members anna and bert collaborate in mode `dp`. With carl's, anna has two
/// collaborations: bert has half of her population, and a quarter for jobs that are not opened.
fn stage(runs: &str, epsilon: &str) -> Stage {
    let more = format!("population = \"persons\"\nepsilon_max = 1.0\ndelta_max = 1e-6\n{runs}");
    let table = format!(
        "{}[population.persons]\nepsilon = {epsilon}\ndelta = 1e-6\n",
        people_table("text", PEOPLE, 1, &more)
    );
    let dir = tempfile::TempDir::new().unwrap();
    let a = Node::init(dir.path(), "anna", &table);
    let b = Node::init(dir.path(), "bert", &table);
    let world = World { a, b, dir };
    world.collaborate(&["--mode", "dp"]);
    Stage::of(world, &table, &people_csv(&people(0..100)))
}

fn bert(stage: &Stage) -> Bert {
    bert_spending(stage, 500_000)
}

fn bert_spending(stage: &Stage, epsilon_micros: u64) -> Bert {
    let mut asking = Asking::new(QUERY, Shape::count_rows());
    asking.mode = AskedMode::Dp(Loss {
        epsilon: Epsilon::from_micros(epsilon_micros).unwrap(),
        delta: Delta::one_in(1_000_000_000),
    });
    stage.bert_asking(asking)
}

/// Anna's population: spent, and reserved.
fn account(stage: &Stage) -> (String, String) {
    let ran = stage.world.a.run(&["budget", "show", "--format", "json"]);
    let persons = ran.expect(0).json()["populations"][0].clone();
    let of = |what: &str| persons[what]["epsilon"].as_str().unwrap().to_owned();
    (of("spent"), of("reserved"))
}

fn texts(spent: &str, reserved: &str) -> (String, String) {
    (spent.to_owned(), reserved.to_owned())
}

/// Opens the first job of the log and takes all that anna sends before she has A.
async fn opened(bert: &Bert) -> (JobSpec, Wire) {
    let mut wire = bert.open().await;
    let spec = bert.open_job(&mut wire).await;
    loop {
        match wire.1.next().await.unwrap() {
            Frame::Control(Control::SenderKey { .. } | Control::Working) => {}
            Frame::Rows(header, _) if header.list == ListId::Tags => break,
            _ => panic!("neither a key nor tags"),
        }
    }
    (spec, wire)
}

/// The code with which anna ends a proposal of bert's.
async fn refused(bert: &Bert) -> Code {
    let (mut send, mut receive) = bert.open().await;
    let proposal = Control::Propose(bert.proposal());
    send.control(&proposal).await.unwrap();
    match control(&mut receive).await {
        Ok(Control::Refuse { code, .. } | Control::Abort(code)) => code,
        Ok(other) => panic!("{other:?}"),
        Err(error) => error.code(),
    }
}

#[test]
fn a_peer_that_agrees_and_breaks_off_uses_up_its_own_runs_and_no_epsilon() {
    let mut stage = stage("runs = { lifetime = 4 }", "4");
    let bert = bert(&stage);
    let mut signatures = Vec::new();
    for _ in 0..3 {
        signatures.push(stage.runtime.block_on(bert.agree_and_break_off()));
    }
    // Opened, and left when the tags are there: they tell nothing without R.
    stage.runtime.block_on(async {
        drop(opened(&bert).await);
    });
    // Her first refusals go on the log, whose entries bert does not sign; then she just ends them.
    let codes: Vec<Code> = (0..20)
        .map(|_| stage.runtime.block_on(refused(&bert)))
        .collect();
    assert!(codes.contains(&Code::RunsExhausted), "{codes:?}");
    stage.idle();
    assert_eq!(account(&stage), texts("0", "0"));
    let debits = stage.debits();
    assert_eq!(debits.len(), 4);
    assert!(
        debits
            .iter()
            .all(|debit| *debit == texts("returned", "counted")),
        "{debits:?}"
    );
    // This node's own log names each of these jobs, and who signed them.
    let log = stage
        .world
        .a
        .run(&["receipts", "list", "--local", "--format", "json"]);
    let log = log.expect(0).stdout;
    assert_eq!(log.matches("begins to read its rows").count(), 4, "{log}");
    assert_eq!(log.matches("are given back").count(), 4, "{log}");
    for signature in signatures {
        assert!(log.contains(&hex::encode(signature)), "{log}");
    }
    stage.anna_is_well();
}

#[test]
fn a_peer_that_takes_the_first_record_of_the_reply_is_charged_for_it() {
    let mut stage = stage("", "4");
    let bert = bert(&stage);
    stage.runtime.block_on(async {
        let (spec, (mut send, mut receive)) = opened(&bert).await;
        let (_, _, points) = own_lists(&spec);
        send.rows(blinded(), &code(32, &points)).await.unwrap();
        loop {
            if let Frame::Rows(header, _) = receive.next().await.unwrap()
                && header.list == ListId::Evaluated
            {
                break;
            }
        }
    });
    stage.idle();
    assert_eq!(account(&stage), texts(COST, "0"));
    assert_eq!(stage.debits(), [texts("committed", "counted")]);
    stage.anna_is_well();
}

#[test]
fn a_node_that_is_killed_before_its_reply_keeps_the_charge() {
    let mut stage = stage("", "8");
    let first = bert(&stage);
    // Agreed, frozen, and not opened.
    let wire = stage.runtime.block_on(async {
        let mut wire = first.open().await;
        first.agree(&mut wire).await;
        wire
    });
    eventually("anna reads her rows", || {
        stage.debits() == [texts("reserved", "counted")]
    });
    stage.world.a.kill();
    drop(wire);
    stage.world.a.serve();
    assert_eq!(stage.debits(), [texts("kept", "counted")]);
    assert_eq!(account(&stage), texts(COST, "0"));
    // Opened, and no record of R handed over.
    let again = bert(&stage);
    let job = stage.runtime.block_on(opened(&again));
    stage.world.a.kill();
    drop(job);
    stage.world.a.serve();
    assert_eq!(
        stage.debits(),
        [texts("committed", "counted"), texts("kept", "counted")]
    );
    assert_eq!(account(&stage), texts("1", "0"));
}

#[test]
fn a_peer_without_a_limit_has_half_of_what_two_collaborations_share() {
    let mut stage = stage("", "1");
    let bert = bert(&stage);
    // A quarter of 1 is less than 0.5.
    let code = stage.runtime.block_on(refused(&bert));
    assert_eq!(code, Code::BudgetExhausted);
    let log = stage
        .world
        .a
        .run(&["receipts", "list", "--local"])
        .expect(0);
    assert!(
        log.stdout.contains("population.persons.per_peer.bert"),
        "{}",
        log.stdout
    );
    stage.anna_is_well();
}

#[test]
fn an_epsilon_so_small_that_dummies_outnumber_persons_is_refused() {
    let mut stage = stage("", "4");
    for (micros, refused_with) in [
        (1, Code::EpsilonNotAllowed),
        (49_999, Code::EpsilonNotAllowed),
    ] {
        let bert = bert_spending(&stage, micros);
        assert_eq!(stage.runtime.block_on(refused(&bert)), refused_with);
    }
    assert_eq!(account(&stage), texts("0", "0"));
    stage.anna_is_well();
}

/// Proposes and, if anna accepts, agrees, waits until she has read her rows, and breaks off. Returns
/// whether she did.
async fn broken_off(bert: &Bert) -> bool {
    loop {
        let mut wire = bert.open().await;
        match bert.propose(&mut wire).await {
            Control::Accept { half, .. } => {
                let spec = bert.spec(half);
                let signature = bert.key.sign(&agreement_text(&spec.job_id()));
                let (mut send, mut receive) = wire;
                send.control(&Control::Agree { signature }).await.unwrap();
                let message = control(&mut receive).await.unwrap();
                assert!(matches!(message, Control::Commitment { .. }), "{message:?}");
                return true;
            }
            Control::Refuse {
                code: Code::RunsExhausted,
                ..
            } => return false,
            // The job before has not ended yet.
            Control::Refuse {
                code: Code::TooManyJobs,
                ..
            } => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn two_hundred_jobs_that_are_broken_off_use_up_fifty_runs_and_no_epsilon() {
    // The owner says nothing about runs.
    let mut stage = stage("", "100");
    let berts: Vec<Bert> = (0..3).map(|_| bert(&stage)).collect();
    let began: usize = stage.runtime.block_on(async {
        let of = |bert: Bert| async move {
            let mut began = 0;
            for _ in 0..67 {
                began += usize::from(broken_off(&bert).await);
            }
            began
        };
        let mut all = tokio::task::JoinSet::new();
        for bert in berts {
            all.spawn(of(bert));
        }
        all.join_all().await.into_iter().sum()
    });
    assert_eq!(began, 50);
    stage.idle();
    assert_eq!(account(&stage), texts("0", "0"));
    assert!(
        stage
            .debits()
            .iter()
            .all(|debit| *debit == texts("returned", "counted"))
    );
    stage.anna_is_well();
}
