//! How a job that ran to its end is shown, on a node of its own.

use std::sync::Arc;

use aggregator::{MemberNames, RequestPlan};
use psi_core::progress::Silent;
use psi_core::spec::Recipients;
use tempfile::TempDir;

use super::answer_file::{ListFile, Matched, Writer, place};
use super::document::ResultDocument;
use super::{Outcome, exit_of};
use crate::exit::Exit;
use crate::identity::NodeKey;
use crate::job::context::{JobContext, fixture};
use crate::state::JobState;

const LIST: &str = "SELECT brand.people.name FROM brand.people JOIN snowy.people \
                    ON brand.people.name = snowy.people.name";

/// A node whose table answers with lists, in a folder of its own.
async fn node(folder: &TempDir) -> (Arc<JobContext>, RequestPlan) {
    std::fs::write(folder.path().join("people.csv"), "name\nperson-1\n").unwrap();
    let text = "name = \"brand\"\nlisten = \"127.0.0.1:0\"\n\
                [table.people]\nsource = \"people.csv\"\nrule = \"list\"\n\
                [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\n";
    let key = NodeKey::generate().unwrap();
    let ctx = fixture::context(folder.path(), text, key).await;
    let names = MemberNames {
        own: "brand",
        peer: "snowy",
    };
    let plan = ctx
        .catalog
        .plan_request_for(LIST, names, Recipients::Requester)
        .unwrap();
    (ctx, plan)
}

fn writer(ctx: &JobContext) -> Writer {
    ctx.list_writer(Arc::new(Silent))
}

#[tokio::test]
async fn a_side_that_receives_nothing_has_completed_the_job_and_shows_nothing() {
    let folder = TempDir::new().unwrap();
    let (ctx, _) = node(&folder).await;
    let mut document = ResultDocument::new("exact");
    let state = Outcome::Nothing.show(writer(&ctx), &mut document).await;
    assert_eq!(state.unwrap(), JobState::Completed);
    assert_eq!(document, ResultDocument::new("exact"));
    assert_eq!(exit_of(JobState::Completed), Exit::Released);
}

#[tokio::test]
async fn a_list_of_too_few_is_suppressed_and_makes_no_file() {
    let folder = TempDir::new().unwrap();
    let (ctx, plan) = node(&folder).await;
    let path = folder.path().join("list.csv");
    let file = ListFile {
        path: path.clone(),
        overwrite: false,
    };
    let place = place(Some(&file), &plan.output).unwrap().unwrap();
    let matched = Matched {
        place,
        side: plan.side,
        list: None,
    };
    let mut document = ResultDocument::new("exact");
    let state = Outcome::List(matched)
        .show(writer(&ctx), &mut document)
        .await;
    assert_eq!(state.unwrap(), JobState::Suppressed);
    assert_eq!(document.reason.as_deref(), Some("below_minimum"));
    assert!(document.list.is_none() && !path.exists());
}
