//! The steps of an [`Exchange`](super::Exchange): what follows when a state is complete.
//!
//! Spec 04 §1, Spec 11 §2. Only [`super`] calls this; it decides which frame may lead to which
//! step.

use std::sync::Arc;

use super::super::held::Held;
use super::super::opening::{self, Conclusion, Progress, Terms};
use super::super::{BATCH_RECORDS, MatchSetup, SharedList, receiver, sender};
use super::{
    Ended, Exchange, Job, JobLists, Outgoing, Outlet, Payload, State, Step, points, unexpected,
};
use crate::digest::DIGEST_BYTES;
use crate::error::Error;
use crate::messages::Control;
use crate::messages::frame::{ListId, RowsHeader};
use crate::ot;
use crate::progress::Stage;
use crate::spec::{MatchSpec, Party};
use crate::transcript::Direction;

impl Job {
    pub(super) fn more(self: Box<Self>, state: State) -> Step {
        Step::More(Exchange {
            job: self,
            state: Box::new(state),
        })
    }

    /// Goes on after records of a list have come.
    pub(super) fn received(self: Box<Self>, state: State) -> Result<Step, Error> {
        let records = match &state {
            State::Tags(state) => state.received(),
            State::Evaluated(state) => state.received(),
            State::Blinded(state) => state.received(),
            _ => 0,
        };
        self.report_received(records)?;
        Ok(self.more(state))
    }

    /// Reports that `records` of the lists of this match have come.
    fn report_received(&self, records: u64) -> Result<(), Error> {
        let own = self.terms.own;
        let all = |matches: &[MatchSpec]| -> u64 {
            let records = matches.iter().map(|of| records_to_receive(of, own));
            records.sum()
        };
        let before = all(self.matches.get(..self.held.len()).unwrap_or_default());
        let progress = &self.tools.progress;
        progress.report(Stage::Receive, before + records, all(&self.matches))
    }

    /// Begins the next match: sends this side's list.
    pub(super) fn start_match(&mut self, out: Outlet<'_>) -> Result<State, Error> {
        let gone = Error::ApiMisuse("a list for each role of a side");
        let index = self.held.len();
        let of = self.matches.get(index);
        let receiver = of.map(|of| of.receiver);
        let index = u8::try_from(index).map_err(|_| Error::ApiMisuse("more than two matches"))?;
        let setup = MatchSetup::new(&self.terms.spec, index)?;
        let (seed, tools) = (&self.terms.seed, self.tools.clone());
        if receiver == Some(self.terms.own) {
            let parts = self.lists.parts.take().ok_or(gone)?;
            let blinded = receiver::blind(setup, seed, &parts, tools)?;
            send_parts(ListId::Blinded, index, blinded.messages, out)?;
            return Ok(State::SenderKey(blinded.state));
        }
        let positions = self.lists.positions.take().ok_or(gone)?;
        let encrypted = sender::encrypt(setup, seed, positions.as_ref(), tools)?;
        out(Outgoing::Control(Control::SenderKey {
            match_index: index,
            point: encrypted.key,
        }))?;
        send_parts(ListId::Tags, index, vec![encrypted.message], out)?;
        Ok(State::Blinded(encrypted.state))
    }

    /// The Receiver holds its match bits.
    pub(super) fn matched(
        self: Box<Self>,
        matched: receiver::Matched,
        out: Outlet<'_>,
    ) -> Result<Step, Error> {
        self.report_end_of_lists()?;
        let receiver::Matched { held, choices } = matched;
        let Some(choices) = choices else {
            return self.end_match(held, out);
        };
        let state = ot::receiver::prepare(choices, &self.terms.seed, self.tools.clone());
        Ok(self.more(State::BasePoints(state, held)))
    }

    /// The Sender has the whole of A: sends R.
    pub(super) fn evaluated(
        self: Box<Self>,
        evaluated: sender::Evaluated,
        out: Outlet<'_>,
    ) -> Result<Step, Error> {
        self.report_end_of_lists()?;
        let sender::Evaluated { state, messages } = evaluated;
        let sender::Replied {
            held,
            payload,
            tools,
        } = state;
        let setup = &held.setup;
        if setup.list {
            send_plain(&held, &messages, out)?;
        } else {
            send_parts(ListId::Evaluated, setup.match_index, messages, out)?;
        }
        let (Some(transfer), Some(list)) = (setup.transfer()?, payload) else {
            return self.end_match(held, out);
        };
        let chosen = ot::sender::choose(transfer, &self.terms.seed, tools);
        send_rows(&held, ListId::BasePoints, chosen.message, out)?;
        let payload = Payload { held, list };
        Ok(self.more(State::BaseKeys(chosen.state, payload)))
    }

    fn report_end_of_lists(&self) -> Result<(), Error> {
        let of = self.matches.get(self.held.len());
        self.report_received(of.map_or(0, |of| records_to_receive(of, self.terms.own)))
    }

    /// The Receiver's half of the extension.
    pub(super) fn send_columns(
        self: Box<Self>,
        answered: ot::receiver::Answered,
        held: Held,
        out: Outlet<'_>,
    ) -> Result<Step, Error> {
        send_rows(&held, ListId::BaseKeys, answered.message, out)?;
        let extended = answered
            .state
            .send(&mut |records| send_rows(&held, ListId::Columns, records.to_vec(), out))?;
        send_rows(&held, ListId::ColumnCheck, extended.message, out)?;
        Ok(self.more(State::Corrections(extended.state, held)))
    }

    /// The check has held: the Sender sends its corrections.
    pub(super) fn correct(
        self: Box<Self>,
        correlated: ot::sender::Correlated,
        payload: Payload,
        out: Outlet<'_>,
    ) -> Result<Step, Error> {
        let Payload { held, list } = payload;
        let end = correlated.correct(list.as_ref(), &mut |corrections| {
            send_rows(&held, ListId::Corrections, corrections.to_vec(), out)
        })?;
        drop(list);
        self.end_match(held.transferred(end), out)
    }

    /// Ends a match on this side. The next match follows, or the opening.
    pub(super) fn end_match(
        mut self: Box<Self>,
        held: Held,
        out: Outlet<'_>,
    ) -> Result<Step, Error> {
        self.held.push(held);
        if self.held.len() < self.matches.len() {
            self.held.iter_mut().try_for_each(Held::settle)?;
            let state = self.start_match(out)?;
            return Ok(self.more(state));
        }
        let mut send = Vec::new();
        let held = std::mem::take(&mut self.held);
        let Terms { spec, own, seed } = &self.terms;
        let terms = Terms {
            spec: spec.clone(),
            own: *own,
            seed: Arc::clone(seed),
        };
        let progress = opening::begin(terms, held, &mut send)?;
        self.opened(progress, send, out)
    }

    /// Goes on with the opening. Messages that a side sends before it awaits one leave at once; the
    /// last ones are left to the caller.
    pub(super) fn opened(
        mut self: Box<Self>,
        progress: Progress,
        send: Vec<Control>,
        out: Outlet<'_>,
    ) -> Result<Step, Error> {
        let own = self.terms.own;
        for message in &send {
            self.note_opening(own, message);
        }
        match progress {
            Progress::Await(state) => {
                let mut send = send.into_iter().map(Outgoing::Control);
                send.try_for_each(out)?;
                Ok(self.more(State::Opening(state)))
            }
            Progress::Done(end) => {
                let Conclusion {
                    opened,
                    list,
                    output_commitment,
                    mut lists,
                } = end;
                self.opening.end(&mut lists);
                Ok(Step::Done(Ended {
                    opened,
                    list,
                    output_commitment,
                    transcripts: lists.combine(&self.terms.spec.job_id()),
                    lists,
                    last: send,
                }))
            }
        }
    }

    /// Adds a message of the opening to the transcript of its direction.
    pub(super) fn note_opening(&mut self, sender: Party, message: &Control) {
        let direction = if sender == self.terms.spec.receiver {
            Direction::ToSender
        } else {
            Direction::ToReceiver
        };
        self.opening.note(direction, message);
    }
}

/// Sends one list for each part.
fn send_parts(
    list: ListId,
    match_index: u8,
    parts: Vec<SharedList>,
    out: Outlet<'_>,
) -> Result<(), Error> {
    for (part, records) in (0..).zip(parts) {
        let header = RowsHeader {
            list,
            match_index,
            part,
        };
        out(Outgoing::List { header, records })?;
    }
    Ok(())
}

/// Sends R in the order of A, in frames of whole records: the code of lists only fits sorted ones.
fn send_plain(held: &Held, parts: &[SharedList], out: Outlet<'_>) -> Result<(), Error> {
    for (part, records) in (0..).zip(parts) {
        let header = held.setup.header(ListId::Evaluated, part);
        let mut reader = records.reader()?;
        loop {
            let mut bytes = Vec::new();
            reader.next_batch(&mut bytes, BATCH_RECORDS)?;
            if bytes.is_empty() {
                break;
            }
            out(Outgoing::Rows { header, bytes })?;
        }
    }
    Ok(())
}

/// Sends one frame of a transfer.
fn send_rows(held: &Held, list: ListId, bytes: Vec<u8>, out: Outlet<'_>) -> Result<(), Error> {
    let header = held.setup.header(list, 0);
    out(Outgoing::Rows { header, bytes })
}

/// Checks that a frame belongs to the list of the transfer that is due.
pub(super) fn expect_list(header: RowsHeader, list: ListId, held: &Held) -> Result<(), Error> {
    if header == held.setup.header(list, 0) {
        return Ok(());
    }
    Err(unexpected("rows of a list that is not awaited"))
}

/// Checks the list for this side's role in a match, so that no match fails after another has begun.
pub(super) fn check_lists(of: &MatchSpec, own: Party, lists: &JobLists) -> Result<(), Error> {
    let misuse = Error::ApiMisuse("the lists of a job's input do not fit its roles");
    let check = |list: &SharedList, width, size: u64| {
        if list.width() != width {
            return Err(Error::ApiMisuse("records of another width than the job's"));
        }
        if list.len() > size {
            return Err(Error::Limit {
                what: "the number of distinct identities",
                value: list.len(),
                limit: size,
            });
        }
        Ok(())
    };
    if of.receiver == own {
        let parts = lists.parts.as_ref().ok_or(misuse)?;
        if parts.len() != of.parts.len() {
            return Err(Error::ApiMisuse("one list for each part"));
        }
        let mut parts = parts.iter().zip(&of.parts);
        parts.try_for_each(|(list, size)| check(list, DIGEST_BYTES, size.identities))
    } else {
        let width = usize::try_from(of.payload.width().saturating_mul(8));
        let width = width.map_or(usize::MAX, |payload| payload.saturating_add(DIGEST_BYTES));
        let list = lists.positions.as_ref().ok_or(misuse)?;
        check(list, width, of.sender_identities())
    }
}

/// Records of lists that come in during a match.
fn records_to_receive(of: &MatchSpec, own: Party) -> u64 {
    let points = points(of);
    if of.receiver == own {
        of.sender_size + points
    } else {
        points
    }
}
