//! Two nodes that negotiate in memory: what the four callers ask, without a connection.

use std::sync::Arc;

use psi_core::Code;
use psi_core::limits::LOG_BYTES_PER_DAY_MAX;
use psi_core::messages::Proposal;
use psi_core::spec::{AskedMode, JobSpec, LiteralCommitment, Recipients};
use tempfile::TempDir;

use super::admission::{self, Admitted};
use super::question::{JobRequest, OwnQuestion, find_collab};
use super::spend::Spend;
use super::{account, table_files};
use crate::collab::{Collaboration, Mode};
use crate::fixture::{sign_all, unsigned};
use crate::identity::NodeKey;
use crate::job::context::{JobContext, fixture};
use crate::job::explain::{FactsSource, explain};
use crate::job::failure::Failure;
use crate::job::inquire;

const COUNT: &str = "SELECT COUNT(*) FROM brand.people a JOIN snowy.people b ON a.name = b.name";

/// What a table of a job with noise declares, and the account of its persons.
const PRIVATE: &str =
    "population = \"persons\"\nepsilon_max = 1.0\ndelta_max = 1e-6\nresult = \"both\"";
const BUDGET: &str = "[population.persons]\nepsilon = 0.7\ndelta = 1e-6\n";

/// One thing that is wrong with a proposal.
type Change = fn(&mut Proposal);

/// Brand asks, snowy answers.
struct Pair {
    brand: Arc<JobContext>,
    snowy: Arc<JobContext>,
    collab: Collaboration,
    folders: [TempDir; 2],
}

/// Two nodes of one collaboration; `tables` is what brand's table and snowy's say beside their keys.
async fn pair(mode: Mode, tables: [&str; 2], rest: &str) -> Pair {
    let mut keys = [NodeKey::generate().unwrap(), NodeKey::generate().unwrap()];
    keys.sort_by_key(NodeKey::id);
    let collab = sign_all(unsigned("summer", &keys).with_mode(mode), &keys);
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let mut nodes = Vec::new();
    for (((name, key), more), folder) in ["brand", "snowy"]
        .into_iter()
        .zip(keys)
        .zip(tables)
        .zip(&folders)
    {
        write_people(folder, "name");
        let text = format!(
            "name = \"{name}\"\nlisten = \"127.0.0.1:0\"\n\
             [table.people]\nsource = \"people.csv\"\nminimum = 2\n{more}\n\
             [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nunique = true\n\
             identities = 20\n{rest}"
        );
        let node = fixture::context(folder.path(), &text, key).await;
        node.state.collab_join(&collab).unwrap();
        nodes.push(node);
    }
    let [brand, snowy] = <[_; 2]>::try_from(nodes).ok().unwrap();
    Pair {
        brand,
        snowy,
        collab,
        folders,
    }
}

/// Ten persons, under this header.
fn write_people(folder: &TempDir, header: &str) {
    let persons = (0..10).map(|number| format!("person-{number}\n"));
    let text: String = std::iter::once(format!("{header}\n"))
        .chain(persons)
        .collect();
    std::fs::write(folder.path().join("people.csv"), text).unwrap();
}

fn request(epsilon: Option<u64>) -> JobRequest {
    JobRequest {
        collab: "summer".into(),
        sql: COUNT.into(),
        recipients: if epsilon.is_some() {
            Recipients::Both
        } else {
            Recipients::Requester
        },
        spend: Spend {
            epsilon,
            delta: None,
        },
        output: None,
    }
}

impl Pair {
    async fn question(&self, request: &JobRequest) -> Result<OwnQuestion, Failure> {
        let collab = find_collab(&self.brand, "summer")?;
        OwnQuestion::plan(&self.brand, collab, request).await
    }

    async fn proposal(&self) -> Proposal {
        let question = self.question(&request(None)).await.unwrap();
        question.proposal(&self.brand, [1; 32].into(), Vec::new())
    }

    /// What snowy says of a proposal.
    async fn judge(&self, proposal: &Proposal) -> Result<Admitted, Failure> {
        let brand = self.brand.key.id();
        admission::judge(&self.snowy, brand, &self.collab, proposal, [2; 32].into()).await
    }

    /// The job of a request, as both would sign it.
    async fn job(&self, request: &JobRequest) -> JobSpec {
        let question = self.question(request).await.unwrap();
        let proposal = question.proposal(&self.brand, [1; 32].into(), Vec::new());
        let Admitted { half, spec, .. } = self.judge(&proposal).await.unwrap();
        assert_eq!(question.job(&self.brand, &proposal, half).unwrap(), spec);
        spec
    }

    async fn explain(&self, request: &JobRequest) -> Result<FactsSource, Failure> {
        let explained = explain(&self.brand, request, false).await;
        explained.map(|explanation| explanation.peer.facts)
    }
}

#[track_caller]
fn refused<T>(result: Result<T, Failure>, code: Code) {
    match result {
        Ok(_) => panic!("accepted"),
        Err(failure) => assert_eq!(failure.code(), code, "{failure}"),
    }
}

#[tokio::test]
async fn both_sides_come_to_the_same_job_and_reserve_nothing_for_it() {
    let pair = pair(Mode::Exact, ["", ""], "").await;
    let spec = pair.job(&request(None)).await;
    assert_eq!(spec.minimum, 2);
    for node in [&pair.brand, &pair.snowy] {
        assert!(node.state.budget_history(9).unwrap().is_empty());
        assert!(node.live.of(&pair.collab.id()).is_empty());
    }
}

#[tokio::test]
async fn a_question_without_runs_left_is_refused_to_a_job_and_to_an_explanation() {
    let pair = pair(Mode::Exact, ["runs = { day = 1 }", ""], "").await;
    let spec = pair.job(&request(None)).await;
    for _ in 0..2 {
        assert_eq!(
            pair.explain(&request(None)).await.unwrap(),
            FactsSource::Supposed
        );
    }
    let _held = account::reserve(&pair.brand, &pair.collab, &spec).unwrap();
    refused(pair.question(&request(None)).await, Code::RunsExhausted);
    refused(pair.explain(&request(None)).await, Code::RunsExhausted);
    assert_eq!(pair.brand.state.budget_history(9).unwrap().len(), 1);
}

#[tokio::test]
async fn a_proposal_without_runs_left_is_refused_whether_it_is_one_or_an_inquiry() {
    let pair = pair(Mode::Exact, ["", "runs = { day = 1 }"], "").await;
    let (spec, proposal) = (pair.job(&request(None)).await, pair.proposal().await);
    let _held = account::reserve(&pair.snowy, &pair.collab, &spec).unwrap();
    refused(pair.judge(&proposal).await, Code::RunsExhausted);
    // That is snowy's account alone.
    pair.explain(&request(None)).await.unwrap();
}

#[tokio::test]
async fn a_table_is_planned_as_its_file_is_now_for_a_job_and_for_an_explanation() {
    let pair = pair(Mode::Exact, ["", ""], "").await;
    pair.question(&request(None)).await.unwrap();
    write_people(&pair.folders[0], "other");
    refused(pair.explain(&request(None)).await, Code::Unavailable);
    refused(pair.question(&request(None)).await, Code::Unavailable);
    write_people(&pair.folders[0], "name");
    pair.explain(&request(None)).await.unwrap();
    // A peer's question loads nothing.
    write_people(&pair.folders[1], "other");
    let proposal = pair.proposal().await;
    refused(pair.judge(&proposal).await, Code::Unavailable);
    let again = table_files::check(&pair.snowy, "people").await;
    refused(again, Code::Unavailable);
}

#[tokio::test]
async fn a_table_that_failed_is_loaded_again_for_a_question_whose_constants_are_hidden() {
    let pair = pair(Mode::Exact, ["filter = [\"name\"]", ""], "").await;
    let mut hidden = request(None);
    hidden.sql.push_str(" WHERE a.name <> 'x'");
    let collab = find_collab(&pair.brand, "summer").unwrap();
    let question = OwnQuestion::plan(&pair.brand, collab, &hidden)
        .await
        .unwrap();
    let proposal = question.proposal(
        &pair.brand,
        [1; 32].into(),
        vec![LiteralCommitment([0; 64])],
    );
    assert!(proposal.query.contains("$1"), "{}", proposal.query);
    // Half of an export: the header of something else.
    write_people(&pair.folders[1], "na");
    pair.snowy.catalog.refresh("people").await.unwrap_err();
    let why = &pair.snowy.catalog.not_served()[0].problems[0];
    assert!(why.what.contains("\"name\""), "{why}");
    write_people(&pair.folders[1], "name");
    refused(pair.judge(&proposal).await, Code::Unavailable);
    // The peer has its answer; the table is loaded behind it, and asked for when that has ended.
    while table_files::check(&pair.snowy, "people").await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    pair.judge(&proposal).await.unwrap();
}

#[tokio::test]
async fn a_budget_that_does_not_bear_a_job_refuses_it_to_both_accounts() {
    let pair = pair(Mode::Dp, [PRIVATE, PRIVATE], BUDGET).await;
    let dear = request(Some(600_000));
    let spec = pair.job(&dear).await;
    let question = pair.question(&dear).await.unwrap();
    let proposal = question.proposal(&pair.brand, [3; 32].into(), Vec::new());
    account::check_job(&pair.brand, &spec).unwrap();
    let held =
        [&pair.brand, &pair.snowy].map(|node| account::reserve(node, &pair.collab, &spec).unwrap());
    refused(pair.judge(&proposal).await, Code::BudgetExhausted);
    // Another job of the same cost, as a query and an explanation that know both halves ask.
    let mut another = spec.clone();
    another.requester.nonce = [4; 32].into();
    refused(
        account::check_job(&pair.brand, &another),
        Code::BudgetExhausted,
    );
    refused(
        account::reserve(&pair.brand, &pair.collab, &another),
        Code::BudgetExhausted,
    );
    drop(held);
    account::check_job(&pair.brand, &another).unwrap();
}

#[tokio::test]
async fn a_mode_that_the_collaboration_does_not_have_breaks_the_protocol_before_anything_is_planned()
 {
    let pair = pair(Mode::Dp, [PRIVATE, PRIVATE], BUDGET).await;
    let question = pair.question(&request(Some(100_000))).await.unwrap();
    let mut proposal = question.proposal(&pair.brand, [1; 32].into(), Vec::new());
    proposal.mode = AskedMode::Exact;
    proposal.query = "no query".into();
    refused(pair.judge(&proposal).await, Code::SpecMismatch);
}

#[tokio::test]
async fn an_inquiry_is_refused_where_a_job_would_find_no_room_on_the_log_or_among_the_records() {
    let mut pair = pair(Mode::Exact, ["", ""], "").await;
    let (brand, proposal) = (pair.brand.key.id(), pair.proposal().await);
    for (taken, has_room) in [(0, true), (LOG_BYTES_PER_DAY_MAX, false), (0, true)] {
        pair.snowy.state.fill_log_day(taken);
        let answer = inquire::facts(&pair.snowy, brand, &pair.collab, &proposal).await;
        if has_room {
            answer.unwrap();
        } else {
            refused(answer, Code::TooManyJobs);
        }
    }
    // Half of it, a peer's share, is less than any record.
    let mut config = pair.snowy.config.as_ref().clone();
    config.retain_for_audit = Some(serde_json::from_str("\"9d\"").unwrap());
    config.audit_limit = serde_json::from_str("\"1MB\"").unwrap();
    Arc::get_mut(&mut pair.snowy).unwrap().config = Arc::new(config);
    let answer = inquire::facts(&pair.snowy, brand, &pair.collab, &proposal);
    refused(answer.await, Code::Unavailable);
}

#[tokio::test]
async fn who_may_not_ask_is_turned_away_before_its_query_is_looked_at() {
    let pair = pair(Mode::Exact, ["", ""], "").await;
    let brand = pair.brand.key.id();
    let proposal = pair.proposal().await;
    admission::collab_of(&pair.snowy, brand, &proposal).unwrap();
    admission::check_may_ask(&pair.snowy, brand, &pair.collab).unwrap();
    let changes: [(Change, Code); 3] = [
        (|proposal| proposal.version += 1, Code::VersionUnsupported),
        (
            |proposal| proposal.collab_id.0[0] ^= 1,
            Code::UnknownCollaboration,
        ),
        (
            |proposal| proposal.revision.0[0] ^= 1,
            Code::RevisionDiffers,
        ),
    ];
    for (change, code) in changes {
        let mut other = proposal.clone();
        change(&mut other);
        refused(admission::collab_of(&pair.snowy, brand, &other), code);
    }
    let stranger = NodeKey::generate().unwrap().id();
    let code = Code::UnknownCollaboration;
    refused(admission::collab_of(&pair.snowy, stranger, &proposal), code);
    let code = Code::RequesterNotAllowed;
    refused(
        admission::check_may_ask(&pair.snowy, stranger, &pair.collab),
        code,
    );
}
