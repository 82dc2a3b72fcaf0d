//! What a refused or failed attempt leaves behind, on the shared log or on this node's own.
//!
//! Spec 07 §2.1 and §6. A refusal by the responder is an entry that both sign, up to a bound; what
//! leaves no shared entry (an own refusal, a peer that cannot be reached, a job that failed before
//! it was opened) goes to the node's own log. Called by both sides of a job; decides nothing about
//! what is refused.

use psi_core::Code;
use psi_core::messages::Control;
use psi_core::receipt::{Body, query_digest};
use psi_core::spec::JobId;

use super::chain::Chain;
use crate::identity::NodeId;
use crate::job::context::JobContext;
use crate::job::deadlines::within;
use crate::job::failure::Failure;
use crate::job::link::Link;
use crate::state::AwaitedRefusal;

/// The shared entry about a refused question.
pub(in crate::job) fn body(requester: NodeId, responder: NodeId, query: &str, code: Code) -> Body {
    Body::Refused {
        requester,
        responder,
        query: query_digest(query),
        code,
    }
}

/// Responder: tells the peer that its question is refused, and records that with it if the log has
/// room for more refusals. `chain` is absent if the peer is not a member of a collaboration that
/// this node joined.
pub(in crate::job) async fn refuse(mut link: Link, chain: Option<&Chain>, query: &str, code: Code) {
    let recorded = chain.filter(|chain| chain.takes_refusal(code));
    let Some(chain) = recorded else {
        let refuse = Control::Refuse {
            code,
            recorded: false,
        };
        return link.end(&refuse).await;
    };
    let entry = body(chain.peer, chain.key.id(), query, code);
    let work = async {
        let recorded = true;
        awaited(chain, chain.peer, query, Some(code))?;
        link.send(&Control::Refuse { code, recorded }).await?;
        within(
            chain.deadlines().signature(),
            chain.record(&mut link, entry),
        )
        .await
    };
    match work.await {
        Ok(()) => {
            link.sender.finish();
            link.sender.delivered().await;
        }
        // The next settlement completes what was begun.
        Err(failure) => {
            // The peer can have as many of these as it likes.
            tracing::debug!(peer = %chain.peer, %failure, "a refusal could not be recorded");
            if failure.is_news_for_peer() {
                link.end(&Control::Abort(failure.code())).await;
            }
        }
    }
}

/// Follower: notes that a refusal of this question may be brought in a settlement, before the message
/// leaves that lets the sequencer make the entry.
pub(in crate::job) fn awaited(
    chain: &Chain,
    requester: NodeId,
    query: &str,
    code: Option<Code>,
) -> Result<Option<i64>, Failure> {
    if chain.is_sequencer() {
        return Ok(None);
    }
    let refusal = AwaitedRefusal {
        requester,
        query: query_digest(query),
        code,
    };
    Ok(Some(chain.state.await_refusal(&chain.collab_id, &refusal)?))
}

/// Requester: records the refusal with the responder. If that fails, the next settlement completes
/// what was begun, and the query counts as refused either way.
pub(in crate::job) async fn record(chain: &Chain, link: &mut Link, body: Body) {
    match within(chain.deadlines().signature(), chain.record(link, body)).await {
        Ok(()) => {
            link.sender.finish();
            link.sender.delivered().await;
        }
        Err(failure) => {
            tracing::warn!(peer = %chain.peer, %failure, "a refusal could not be recorded");
        }
    }
}

/// Requester: notes an attempt of its own that came to nothing before a job was opened.
pub(in crate::job) fn note_own(ctx: &JobContext, job_id: Option<&str>, failure: &Failure) {
    let kind = match failure {
        // A question that cannot be read does not count as an attempt; who asked was told.
        Failure::Input { .. } => return,
        // The request for approval is in the log once, however often it is repeated.
        failure if failure.is_pending() => return,
        Failure::OwnRefusal(_)
        | Failure::PeerRefusal(_)
        | Failure::PeerRefusalOf(..)
        | Failure::NotJoined { .. } => "refused",
        Failure::Connect(_) => "unreachable",
        _ => "failed",
    };
    if was_opened(ctx, job_id) {
        return;
    }
    if let Err(error) = ctx.state.note(&ctx.key, kind, &sentence(failure)) {
        tracing::error!(%error, "the node's own log could not be written");
    }
}

/// Whether the job is on the shared log, where its end will be as well.
pub(in crate::job) fn was_opened(ctx: &JobContext, job_id: Option<&str>) -> bool {
    let mut bytes = [0; 64];
    job_id.is_some_and(|job_id| hex::decode_to_slice(job_id, &mut bytes).is_ok())
        && ctx
            .state
            .entries_of_job(&JobId(bytes))
            .is_ok_and(|entries| entries.is_some())
}

/// What this node's own log says of a proposal of `peer` that came to nothing.
pub(in crate::job) fn sentence_of(peer: NodeId, failure: &Failure) -> String {
    format!("from {peer}: {}", sentence(failure))
}

fn sentence(failure: &Failure) -> String {
    match failure {
        Failure::OwnRefusal(refusal) => {
            format!("refused by {}: {}", refusal.rule, refusal.sentence)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::identity::NodeKey;
    use crate::job::context::fixture;
    use crate::job::failure::own_stop::OwnStop;
    use crate::job::log::chain::tests::{follower, sequencer};
    use crate::receipts::tests::Fixture;

    const QUERY: &str = "SELECT COUNT(*)";

    #[test]
    fn a_follower_notes_the_refusal_that_it_may_be_brought_and_a_sequencer_none() {
        let fixture = Fixture::new();
        let chain = follower(&fixture);
        let (id, first) = (chain.collab_id, chain.peer);
        let waits = || chain.state.refusals_awaited(&id).unwrap();
        let noted = awaited(&chain, first, QUERY, Some(Code::FilterNotAllowed)).unwrap();
        assert_eq!(waits(), 1);
        let expects = |code| {
            let query = query_digest(QUERY);
            chain
                .state
                .awaits_refusal(&id, &first, &query, code)
                .unwrap()
        };
        assert!(expects(Code::FilterNotAllowed) && !expects(Code::KeyNotAllowed));
        chain.state.refusal_forget(noted.unwrap()).unwrap();
        assert_eq!(waits(), 0);
        let sequencer = sequencer(&fixture);
        assert!(sequencer.is_sequencer() && !chain.is_sequencer());
        let code = Some(Code::FilterNotAllowed);
        assert_eq!(awaited(&sequencer, first, QUERY, code).unwrap(), None);
    }

    #[tokio::test]
    async fn an_attempt_of_this_node_is_noted_by_how_it_ended_and_a_question_that_is_none_is_not() {
        let folder = TempDir::new().unwrap();
        let text = "name = \"brand\"\nlisten = \"127.0.0.1:0\"\n";
        let key = NodeKey::generate().unwrap();
        let ctx = fixture::context(folder.path(), text, key).await;
        let kinds = || -> Vec<String> {
            let notes = ctx.state.notes().unwrap();
            notes.into_iter().map(|note| note.kind).collect()
        };
        let input = Failure::Input {
            what: "not SQL".into(),
            remedy: "write SQL".into(),
        };
        note_own(&ctx, None, &input);
        assert!(kinds().is_empty());
        note_own(&ctx, None, &Failure::PeerRefusal(Code::FilterNotAllowed));
        note_own(&ctx, Some("00"), &Failure::OwnStop(OwnStop::PeerGaveUp));
        assert_eq!(kinds(), ["refused", "failed"]);
    }
}
