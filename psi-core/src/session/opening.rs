//! The opening: what recipients are told of all matches of a job, and the commitment to it.
//!
//! Spec 05 §6, Spec 11 §8 and, for noise, Spec 12 §6. [`super::Exchange`] calls this once the last
//! match is done on this side. Nothing is opened before the totals of two matches have agreed.
//!
//! ```text
//! a single count       Receiver: Outcome
//! every other job      both, if there are two matches: MatchTotal
//!                      for each match   Receiver, to a Sender that is a recipient: PartCounts
//!                                       both, if both are recipients and there are sums:
//!                                       ShareCommitment; to a recipient: Share
//!                      requester: Output
//! ```

mod checks;

use crate::receipt::{OutputCommitment, OutputSalt, output_commitment};
use std::collections::VecDeque;
use std::sync::Arc;

use super::held::Held;
use super::noise;
use super::opened::{MatchedList, Opened, OpenedMatch};
use super::{MatchSetup, SharedList};
use crate::error::{Code, Error};
use crate::messages::{Control, Opening as OpenedCount, Outcome, PartCount};
use crate::ot::opening::{ExpectCommitment, ExpectOpening, ExpectShare, Sums};
use crate::ot::share::Role;
use crate::seed::{JobSeed, Purpose};
use crate::spec::{JobSpec, Party, Recipients};
use crate::transcript::ListHashes;

use checks::{check_counts, check_outcome, expect_match, malformed};

/// What an opening needs to know of its job.
pub(super) struct Terms {
    pub(super) spec: JobSpec,
    pub(super) own: Party,
    pub(super) seed: Arc<JobSeed>,
}

impl Terms {
    fn is_recipient(&self) -> bool {
        self.spec.recipients.include(self.own)
    }

    fn salt(&self) -> OutputSalt {
        OutputSalt(self.seed.stream(Purpose::ResultSalt, 0, 0).array())
    }
}

/// The state of an opening.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, and it is moved once for each message"
)]
pub(super) enum Progress {
    Await(Opening),
    Done(Conclusion),
}

/// What one side knows after the last message of the opening.
pub(super) struct Conclusion {
    pub(super) opened: Option<Opened>,
    /// As Receiver of a list that is released: which of this side's identifiers match.
    pub(super) list: Option<MatchedList>,
    pub(super) output_commitment: OutputCommitment,
    /// The lists of all matches, without the opening.
    pub(super) lists: ListHashes,
}

/// An opening that awaits a message.
pub(super) struct Opening {
    course: Course,
    awaits: Awaits,
}

enum Awaits {
    /// The other Receiver's total.
    Total(Total),
    /// As Sender and recipient: what may be known of each part.
    Counts(Box<Held>),
    /// As the only recipient: the other side's share.
    Share(View, ExpectShare),
    Commitment(View, ExpectCommitment),
    Opening(View, ExpectOpening),
    /// As Sender of a single count.
    Outcome(Box<MatchSetup>),
    /// As responder.
    Output,
}

/// This side's total of the match in which it is Receiver.
struct Total {
    match_index: u8,
    count: u64,
}

/// A match whose sums are being opened to this side.
struct View {
    match_index: u8,
    components: u16,
    counts: Vec<PartCount>,
}

/// What has been opened so far, and what is still to open.
struct Course {
    terms: Terms,
    lists: ListHashes,
    waiting: VecDeque<Held>,
    matches: Vec<OpenedMatch>,
    /// As Receiver of a list: which of this side's identifiers match, released or not.
    matched: Option<SharedList>,
}

/// Begins the opening of all matches. Appends the messages to send to `send`.
pub(super) fn begin(
    terms: Terms,
    held: Vec<Held>,
    send: &mut Vec<Control>,
) -> Result<Progress, Error> {
    let mut course = Course {
        terms,
        lists: ListHashes::default(),
        waiting: VecDeque::new(),
        matches: Vec::new(),
        matched: None,
    };
    for mut held in held {
        course.lists.append(held.take_lists()?);
        course.matched = held.matched.take().or(course.matched);
        course.waiting.push_back(held);
    }
    if course.terms.spec.is_single_count() {
        return course.single_count(send);
    }
    if course.waiting.len() == 1 {
        return course.next_match(send);
    }
    let mut held = course.waiting.iter();
    let held = held
        .find(|held| held.role == Role::Receiver)
        .ok_or(Error::ApiMisuse(
            "two matches in which a side never receives",
        ))?;
    let total = Total {
        match_index: held.setup.match_index,
        count: held.total(),
    };
    send.push(Control::MatchTotal {
        match_index: total.match_index,
        count: total.count,
    });
    Ok(course.awaiting(Awaits::Total(total)))
}

impl Course {
    const fn awaiting(self, awaits: Awaits) -> Progress {
        Progress::Await(Opening {
            course: self,
            awaits,
        })
    }

    /// A single count: the Receiver reports it in one message.
    fn single_count(mut self, send: &mut Vec<Control>) -> Result<Progress, Error> {
        let nothing = Error::ApiMisuse("a count without a match");
        let held = self.waiting.pop_front().ok_or(nothing)?;
        if held.role == Role::Sender {
            return Ok(self.awaiting(Awaits::Outcome(Box::new(held.setup))));
        }
        let counts = held.part_counts(&self.terms.seed)?;
        let salt = self.terms.salt();
        let matches = vec![OpenedMatch::new(&counts, 0, None)];
        let opened = Opened::new(&self.terms.spec, matches, salt);
        let commitment = output_commitment(&salt, &opened.cells);
        let first = counts.first().copied();
        let opening = first.filter(|_| held.setup.sender_is_recipient);
        send.push(Control::Outcome(Outcome {
            opening: opening.map(|of_part| OpenedCount {
                released: of_part.released,
                count: of_part.count,
                salt,
            }),
            output_commitment: commitment,
        }));
        Ok(self.done(Some(opened), commitment))
    }

    /// Opens the next match, or ends.
    fn next_match(mut self, send: &mut Vec<Control>) -> Result<Progress, Error> {
        while let Some(held) = self.waiting.pop_front() {
            let counts = match held.role {
                Role::Sender if held.is_recipient() => {
                    return Ok(self.awaiting(Awaits::Counts(Box::new(held))));
                }
                Role::Sender => Vec::new(),
                Role::Receiver => held.part_counts(&self.terms.seed)?,
            };
            if held.role == Role::Receiver && held.other_is_recipient() {
                send.push(Control::PartCounts {
                    match_index: held.setup.match_index,
                    parts: counts.clone(),
                });
            }
            if let Some(awaits) = self.open(held, counts, send)? {
                return Ok(self.awaiting(awaits));
            }
        }
        self.conclude(send)
    }

    /// Opens the sums of a match of which this side knows `counts`, as far as that needs no
    /// message.
    fn open(
        &mut self,
        held: Held,
        counts: Vec<PartCount>,
        send: &mut Vec<Control>,
    ) -> Result<Option<Awaits>, Error> {
        let (is_recipient, other_is_recipient) = (held.is_recipient(), held.other_is_recipient());
        let view = View {
            match_index: held.setup.match_index,
            components: held.setup.components,
            counts,
        };
        let Some(mut share) = held.share else {
            self.note(&view, None);
            return Ok(None);
        };
        // A share that stays here needs no noise: nobody could see it.
        if other_is_recipient {
            noise::add_to(&mut share, &held.setup, &self.terms.seed)?;
        }
        // A part that is suppressed as a whole is opened by nobody.
        for (part, _) in (0..).zip(&view.counts).filter(|(_, count)| !count.released) {
            share.withhold(part);
        }
        let match_index = view.match_index;
        match (is_recipient, other_is_recipient) {
            (true, false) => Ok(Some(Awaits::Share(view, share.await_other()))),
            (false, true) => {
                let share = share.disclose();
                send.push(Control::Share { match_index, share });
                Ok(None)
            }
            (true, true) => {
                let committed = share.commit(&self.terms.seed);
                send.push(Control::ShareCommitment {
                    match_index,
                    commitment: committed.message,
                });
                Ok(Some(Awaits::Commitment(view, committed.state)))
            }
            (false, false) => Err(Error::ApiMisuse("a job without recipient")),
        }
    }

    /// Keeps what was opened of a match, if this side is a recipient.
    fn note(&mut self, view: &View, sums: Option<&Sums>) {
        if self.terms.is_recipient() {
            let opened = OpenedMatch::new(&view.counts, view.components, sums);
            self.matches.push(opened);
        }
    }

    /// All matches are opened: the requester commits to the cells.
    fn conclude(mut self, send: &mut Vec<Control>) -> Result<Progress, Error> {
        if self.terms.own == Party::Responder {
            return Ok(self.awaiting(Awaits::Output));
        }
        let salt = self.terms.salt();
        let mut opened = self.take_opened(salt);
        let list = self.release_list(&mut opened)?;
        let commitment = output_commitment(&salt, &opened.cells);
        let to_both = self.terms.spec.recipients == Recipients::Both;
        send.push(Control::Output {
            salt: to_both.then_some(salt),
            output_commitment: commitment,
        });
        Ok(Progress::Done(Conclusion {
            opened: Some(opened),
            list,
            output_commitment: commitment,
            lists: self.lists,
        }))
    }

    /// Adds the cells of a list, and hands the list out unless its count is suppressed.
    fn release_list(&mut self, opened: &mut Opened) -> Result<Option<MatchedList>, Error> {
        if !self.terms.spec.shape.is_list() {
            return Ok(None);
        }
        let missing = Error::ApiMisuse("a list without a match");
        let list = MatchedList::new(self.matched.take().ok_or(missing)?);
        let released = opened.cells.iter().all(Option::is_some);
        let cells = list.cells()?;
        let cells = cells.map(|cell| cell.filter(|_| released));
        opened.cells.extend(cells);
        Ok(released.then_some(list))
    }

    fn take_opened(&mut self, salt: OutputSalt) -> Opened {
        Opened::new(&self.terms.spec, std::mem::take(&mut self.matches), salt)
    }

    fn done(self, opened: Option<Opened>, output_commitment: OutputCommitment) -> Progress {
        Progress::Done(Conclusion {
            opened: opened.filter(|_| self.terms.is_recipient()),
            list: None,
            output_commitment,
            lists: self.lists,
        })
    }
}

impl Opening {
    /// The state's name.
    pub(super) const fn name(&self) -> &'static str {
        match self.awaits {
            Awaits::Total(_) => "ExpectMatchTotal",
            Awaits::Counts(_) => "ExpectPartCounts",
            Awaits::Share(..) => "ExpectShare",
            Awaits::Commitment(..) => "ExpectShareCommitment",
            Awaits::Opening(..) => "ExpectOpenedShare",
            Awaits::Outcome(_) => "ExpectOutcome",
            Awaits::Output => "ExpectOutput",
        }
    }

    /// Takes the message that is awaited. Appends the messages to send to `send`.
    ///
    /// # Errors
    /// [`Code::UnexpectedMessage`]; [`Code::MalformedMessage`]; [`Code::TotalsDiffer`].
    pub(super) fn handle(
        self,
        message: Control,
        send: &mut Vec<Control>,
    ) -> Result<Progress, Error> {
        let Self { mut course, awaits } = self;
        match (awaits, message) {
            (Awaits::Total(own), Control::MatchTotal { match_index, count }) => {
                expect_match(match_index, 1 - own.match_index.min(1))?;
                if count != own.count {
                    let detail = "two matches with different totals";
                    return Err(Error::misbehaved(Code::TotalsDiffer, detail));
                }
                course.next_match(send)
            }
            (Awaits::Counts(held), Control::PartCounts { match_index, parts }) => {
                expect_match(match_index, held.setup.match_index)?;
                check_counts(&held.setup, &parts)?;
                match course.open(*held, parts, send)? {
                    Some(awaits) => Ok(course.awaiting(awaits)),
                    None => course.next_match(send),
                }
            }
            (Awaits::Share(view, state), Control::Share { match_index, share }) => {
                expect_match(match_index, view.match_index)?;
                let share = zeroize::Zeroizing::new(share);
                let sums = state.handle(&share)?;
                course.note(&view, Some(&sums));
                course.next_match(send)
            }
            (
                Awaits::Commitment(view, state),
                Control::ShareCommitment {
                    match_index,
                    commitment,
                },
            ) => {
                expect_match(match_index, view.match_index)?;
                let opened = state.handle(&commitment)?;
                send.push(Control::Share {
                    match_index,
                    share: opened.message,
                });
                Ok(course.awaiting(Awaits::Opening(view, opened.state)))
            }
            (Awaits::Opening(view, state), Control::Share { match_index, share }) => {
                expect_match(match_index, view.match_index)?;
                let share = zeroize::Zeroizing::new(share);
                let sums = state.handle(&share)?;
                course.note(&view, Some(&sums));
                course.next_match(send)
            }
            (Awaits::Outcome(setup), Control::Outcome(outcome)) => {
                let opened = check_outcome(&course.terms.spec, &setup, &outcome)?;
                Ok(course.done(opened, outcome.output_commitment))
            }
            (
                Awaits::Output,
                Control::Output {
                    salt,
                    output_commitment,
                },
            ) => {
                let opened = course.check_output(salt, &output_commitment)?;
                Ok(course.done(opened, output_commitment))
            }
            _ => {
                let detail = "a message that the opening does not allow";
                Err(Error::misbehaved(Code::UnexpectedMessage, detail))
            }
        }
    }
}

impl Course {
    /// Checks that the requester committed to the cells that this side holds, if it is a recipient.
    fn check_output(
        &mut self,
        salt: Option<OutputSalt>,
        commitment: &OutputCommitment,
    ) -> Result<Option<Opened>, Error> {
        let is_recipient = self.terms.is_recipient();
        match salt {
            None if !is_recipient => Ok(None),
            Some(salt) if is_recipient => {
                let opened = self.take_opened(salt);
                if output_commitment(&salt, &opened.cells) != *commitment {
                    return Err(malformed(
                        "an output commitment that does not fit the cells",
                    ));
                }
                Ok(Some(opened))
            }
            _ => Err(malformed("a salt for the wrong side")),
        }
    }
}
