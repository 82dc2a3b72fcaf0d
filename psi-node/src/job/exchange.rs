//! The match over a stream: drives the state machines of [`psi_core::session`].
//!
//! Spec 04 §1 and Spec 06 §3. Both directions are used at the same time, because both sides send a
//! list that does not depend on the other's: a side that only sent first could wait for ever for
//! room in a peer that does the same. While a side computes, it says `Working`.

use std::sync::Arc;

use psi_core::messages::Control;
use psi_core::messages::frame::ListId;
use psi_core::progress::Stage;
use psi_core::receipt::Cell;
use psi_core::seed::JobSeed;
use psi_core::session::receiver::{self, ExpectEvaluated, ExpectTags, Matched};
use psi_core::session::sender::{self, ExpectBlinded};
use psi_core::session::{Awaiting, MatchSetup, SharedList, Tools};
use psi_core::transcript::Transcripts;
use tokio::sync::oneshot;

use super::failure::Failure;
use super::feed::feed;
use super::link::{Link, Meter, compute, send_list, sender_key, unexpected};
use crate::net::{FrameReceiver, FrameSender};

/// What one side knows when the match is over.
pub(super) struct MatchEnd {
    /// The cell and the salt of its commitment, where this side may know them.
    pub(super) opened: Option<(Cell, [u8; 32])>,
    pub(super) output_commitment: [u8; 64],
    pub(super) transcripts: Transcripts,
}

/// Runs the Receiver's half. `recipient` says whether this side's analyst gets the result.
pub(super) async fn receive(
    link: &mut Link,
    setup: MatchSetup,
    seed: Arc<JobSeed>,
    identities: SharedList,
    tools: Tools,
    recipient: bool,
) -> Result<MatchEnd, Failure> {
    let (points, tags) = (setup.part.points(), setup.sender_size);
    let mut sent = Meter::new(&tools.progress, Stage::Send, points);
    let received = Meter::new(&tools.progress, Stage::Receive, tags + points);
    let work = compute(move || receiver::blind(setup, &seed, identities.as_ref(), tools));
    let blinded = link.working_while(work).await??;
    let (finished, until_finished) = oneshot::channel::<()>();
    let message = blinded.message;
    let sending = send_then_work(
        &mut link.sender,
        ListId::Blinded,
        message,
        &mut sent,
        until_finished,
    );
    let receiving = async {
        let matched = receive_reply(&mut link.receiver, blinded.state, tags, received).await;
        drop(finished);
        matched
    };
    let ((), matched) = tokio::try_join!(sending, receiving)?;
    let released = matched.release();
    link.send(&Control::Outcome(released.message)).await?;
    Ok(MatchEnd {
        opened: recipient.then_some((released.cell, released.salt)),
        output_commitment: released.message.output_commitment,
        transcripts: released.transcripts,
    })
}

async fn receive_reply(
    from: &mut FrameReceiver,
    state: receiver::ExpectSenderKey,
    tags: u64,
    mut meter: Meter,
) -> Result<Matched, Failure> {
    let (match_index, point) = sender_key(from).await?;
    let state = compute(move || state.handle(match_index, &point)).await?;
    feed(from, Reply::Tags(state), move |state, header, bytes| {
        let state = match state {
            Reply::Tags(state) => match state.handle(header, bytes)? {
                Awaiting::More(same) => Reply::Tags(same),
                Awaiting::Done(next) => Reply::Points(next),
            },
            Reply::Points(state) => match state.handle(header, bytes)? {
                Awaiting::More(same) => Reply::Points(same),
                Awaiting::Done(matched) => {
                    meter.finish()?;
                    return Ok(Awaiting::Done(matched));
                }
            },
        };
        meter.reach(match &state {
            Reply::Tags(state) => state.received(),
            Reply::Points(state) => tags.saturating_add(state.received()),
        })?;
        Ok(Awaiting::More(state))
    })
    .await
}

/// What the Receiver awaits of the two lists that follow each other.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, and it is moved once for each frame"
)]
enum Reply {
    Tags(ExpectTags),
    Points(ExpectEvaluated),
}

/// Runs the Sender's half.
pub(super) async fn send(
    link: &mut Link,
    setup: MatchSetup,
    seed: Arc<JobSeed>,
    identities: SharedList,
    tools: Tools,
) -> Result<MatchEnd, Failure> {
    let match_index = setup.match_index;
    let to_send = setup.sender_size + setup.part.points();
    let mut sent = Meter::new(&tools.progress, Stage::Send, to_send);
    let work = compute(move || sender::encrypt(setup, &seed, identities.as_ref(), tools));
    let encrypted = link.working_while(work).await??;
    link.send(&Control::SenderKey {
        match_index,
        point: encrypted.key,
    })
    .await?;
    let (finished, until_finished) = oneshot::channel::<()>();
    let message = encrypted.message;
    let sending = send_then_work(
        &mut link.sender,
        ListId::Tags,
        message,
        &mut sent,
        until_finished,
    );
    let receiving = async {
        let evaluated = feed(&mut link.receiver, encrypted.state, ExpectBlinded::handle).await;
        drop(finished);
        evaluated
    };
    let ((), evaluated) = tokio::try_join!(sending, receiving)?;
    send_list(
        &mut link.sender,
        ListId::Evaluated,
        evaluated.message,
        &mut sent,
    )
    .await?;
    let Control::Outcome(outcome) = link.control().await? else {
        return Err(unexpected("something else than the outcome"));
    };
    let learned = evaluated.state.handle(&outcome)?;
    Ok(MatchEnd {
        opened: learned.opened,
        output_commitment: learned.output_commitment,
        transcripts: learned.transcripts,
    })
}

/// Sends a list, then says `Working` until the other direction is done.
async fn send_then_work(
    sender: &mut FrameSender,
    list: ListId,
    records: SharedList,
    meter: &mut Meter,
    until: oneshot::Receiver<()>,
) -> Result<(), Failure> {
    send_list(sender, list, records, meter).await?;
    // An error means that the other end was dropped, which is the signal.
    let _ = sender.working_while(until).await?;
    Ok(())
}
