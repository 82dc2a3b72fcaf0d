//! Replaying one side's half of a job from its record, and comparing it with the receipt.
//!
//! Spec 07 §12. Everything a side sends follows from its seed, its frozen input and what it has
//! received, so a half can be computed again. The opened entry binds seed and input, the closed one
//! what crossed the wire in both directions; what differs names the list in which this side
//! deviated. Called by [`crate::cli::replay`]; never opens a socket or a file, and keeps lists where
//! it is told.
//!
//! What no replay can show: that the frozen input was true, that is, what the table really held.

mod bounds;
mod checks;
mod input;
mod report;

use std::io::Read;
use std::sync::Arc;

use psi_core::Error;
use psi_core::limits::HIDDEN_LITERALS_MAX;
use psi_core::receipt::{input_digest, opening_commitment};
use psi_core::seed::JobSeed;
use psi_core::session::{Ended, Exchange, JobLists, SharedList, Step, Tools};
use psi_core::spec::{JobSpec, LiteralSalt, Nonce, Party};
use psi_core::transcript::ListHashes;
use zeroize::Zeroizing;

pub use report::{Check, JobReceipt, Report, Verdict};

use crate::record::{Item, ListRole, RecordError, RecordReader};
use input::{InputCheck, stands_twice};

/// Replays the half of which `input` is the decrypted record.
///
/// # Errors
/// [`ReplayError`] if the record or the lists cannot be read; everything else is in the report.
pub fn replay(input: impl Read, receipt: &JobReceipt, tools: Tools) -> Result<Report, ReplayError> {
    let mut record = RecordReader::new(input);
    let Some(Item::Head { own, seed, spec }) = record.next_item()? else {
        return Err(RecordError::Malformed("it does not begin with its head").into());
    };
    let mut report = Report {
        side: match own {
            Party::Requester => "requester",
            Party::Responder => "responder",
        },
        verdict: Verdict::Deviates,
        checks: Vec::new(),
    };
    report.note("the record is about this job", spec == receipt.spec, || {
        None
    });
    // What another specification asks for, nobody agreed to: it could be any amount of work.
    let (true, Ok(spec)) = (spec == receipt.spec, JobSpec::decode(&spec)) else {
        return Ok(report);
    };
    let half = Half {
        own,
        seed: Arc::new(JobSeed::new(*seed)),
        spec,
        receipt,
        tools,
    };
    half.replay(&mut record, &mut report)?;
    let holds = report.checks.iter().all(|check| check.holds);
    report.verdict = match (holds, receipt.completed.is_some()) {
        (false, _) => Verdict::Deviates,
        (true, true) => Verdict::Verified,
        (true, false) => Verdict::NotCompleted,
    };
    Ok(report)
}

/// Why a replay could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record.
    #[error("{0}")]
    Record(#[from] RecordError),
    /// The lists of this machine.
    #[error("{0}")]
    Lists(#[from] psi_core::store::StoreError),
}

/// The half that is replayed.
struct Half<'a> {
    own: Party,
    seed: Arc<JobSeed>,
    spec: JobSpec,
    receipt: &'a JobReceipt,
    tools: Tools,
}

/// A hidden literal, as the record has it.
struct KeptLiteral {
    salt: LiteralSalt,
    text: Zeroizing<String>,
}

/// What a record holds before the first message.
struct Kept {
    literals: Vec<KeptLiteral>,
    input: JobLists,
    /// The first thing wrong with the input, if any.
    wrong: Option<String>,
    /// The item after it.
    next: Option<Item>,
}

/// One list of the frozen input.
struct ReadList {
    list: SharedList,
    /// The first thing wrong with it, if any.
    wrong: Option<String>,
    /// The item after it.
    next: Option<Item>,
}

impl Half<'_> {
    fn replay<R: Read>(
        &self,
        record: &mut RecordReader<R>,
        report: &mut Report,
    ) -> Result<(), ReplayError> {
        let kept = self.read_input(record)?;
        let digest = input_digest(&kept.input, &[])?;
        let commitment = opening_commitment(&self.spec.job_id(), &self.seed, &digest);
        let [of_requester, of_responder] = &self.receipt.commitments;
        let signed = match self.own {
            Party::Requester => of_requester,
            Party::Responder => of_responder,
        };
        let bound = commitment == *signed;
        report.note(
            "seed and frozen input are those of the opened entry",
            bound,
            || Some("the opening commitment".into()),
        );
        report.note(
            "the nonce follows from the seed",
            self.spec.half(self.own).nonce == Nonce::of(&self.seed),
            || Some("this side's half of the specification".into()),
        );
        if self.own == Party::Requester {
            let wrong = self.wrong_literal(&kept.literals);
            report.note(
                "hidden literals are those that were committed to",
                wrong.is_none(),
                || wrong,
            );
        }
        let Kept {
            input, wrong, next, ..
        } = kept;
        report.note("the frozen input keeps its bounds", wrong.is_none(), || {
            wrong
        });
        let ran = self.run(input, record, next)?;
        if !matches!(ran, Ran::Refused(_)) {
            // Refuses what follows the end.
            record.next_item()?;
        }
        match ran {
            Ran::Ended(ended, lists) => self.compare(&ended, lists.as_ref(), report),
            Ran::Cut => {
                report.note(
                    "the record holds all messages",
                    self.receipt.completed.is_none(),
                    || Some("it ends before the job does".into()),
                );
            }
            Ran::Refused(place) => {
                report.note("an honest node would have gone on", false, || Some(place));
            }
        }
        Ok(())
    }

    /// The first hidden literal whose salt or commitment is another.
    fn wrong_literal(&self, kept: &[KeptLiteral]) -> Option<String> {
        if kept.len() != self.spec.hidden.len() {
            return Some("their number".into());
        }
        let drawn = LiteralSalt::all_of(&self.seed).zip(&self.spec.hidden);
        let wrong = kept
            .iter()
            .zip(drawn)
            .position(|(kept, (salt, committed))| {
                kept.salt != salt || kept.salt.commit(&kept.text) != *committed
            });
        wrong.map(|place| format!("literal {}", place + 1))
    }

    /// Reads up to the first message.
    fn read_input<R: Read>(&self, record: &mut RecordReader<R>) -> Result<Kept, ReplayError> {
        let mut literals = Vec::new();
        let (mut parts, mut positions) = (None, None);
        let mut wrong = None;
        let mut next = record.next_item()?;
        loop {
            match next {
                Some(Item::Literal { salt, text }) => {
                    if literals.len() == HIDDEN_LITERALS_MAX {
                        return Err(RecordError::Malformed("more literals than any job has").into());
                    }
                    literals.push(KeptLiteral { salt, text });
                    next = record.next_item()?;
                }
                Some(Item::List { role, width, count }) => {
                    let number = parts.as_ref().map_or(0, Vec::len);
                    let check = InputCheck::new(&self.spec, self.own, role, number, width);
                    let ReadList {
                        list,
                        wrong: found,
                        next: after,
                    } = self.read_list(record, check, width, count)?;
                    wrong = wrong.or(found);
                    match role {
                        ListRole::Part => parts.get_or_insert_with(Vec::new).push(list),
                        ListRole::Positions if positions.is_none() => positions = Some(list),
                        ListRole::Positions => {
                            return Err(RecordError::Malformed("two lists of positions").into());
                        }
                    }
                    next = after;
                }
                Some(Item::Filling) => next = record.next_item()?,
                _ => break,
            }
        }
        let all = parts.as_deref().unwrap_or_default();
        if wrong.is_none() && stands_twice(all, self.tools.store.as_ref())? {
            wrong = Some("an identity is in two parts".into());
        }
        Ok(Kept {
            literals,
            input: JobLists { parts, positions },
            wrong,
            next,
        })
    }

    fn read_list<R: Read>(
        &self,
        record: &mut RecordReader<R>,
        mut check: InputCheck,
        width: usize,
        count: u64,
    ) -> Result<ReadList, ReplayError> {
        if !check.is_possible() {
            return Err(RecordError::Malformed("a list that the job has not").into());
        }
        let mut writer = self.tools.store.in_order(width)?;
        let next = loop {
            match record.next_item()? {
                Some(Item::Records(records)) if records.len() % width == 0 => {
                    check.records(&records);
                    writer.push(&records)?;
                }
                Some(Item::Records(_)) => {
                    return Err(RecordError::Malformed("half a record").into());
                }
                other => break other,
            }
        };
        let list: SharedList = Arc::from(writer.finish()?);
        if list.len() != count {
            return Err(RecordError::Malformed("a list of another length than it says").into());
        }
        let wrong = check.found();
        Ok(ReadList { list, wrong, next })
    }

    /// Runs the half over the messages of the record.
    fn run<R: Read>(
        &self,
        lists: JobLists,
        record: &mut RecordReader<R>,
        mut next: Option<Item>,
    ) -> Result<Ran, ReplayError> {
        // What would be sent is hashed by the machine itself; nothing is kept of it here.
        let mut out = |_| Ok(());
        let (spec, seed) = (self.spec.clone(), Arc::clone(&self.seed));
        let started = Exchange::start(spec, self.own, seed, lists, self.tools.clone(), &mut out);
        let mut exchange = match started {
            Ok(exchange) => exchange,
            Err(error) => return refused("the start", error),
        };
        let mut number: u64 = 0;
        loop {
            let frame = match next {
                Some(Item::Received(frame)) => frame,
                Some(Item::End(_)) => return Ok(Ran::Cut),
                _ => return Err(RecordError::Malformed("an item out of its place").into()),
            };
            number = number.saturating_add(1);
            let place = format!(
                "message {number} of the record, where {} was awaited",
                exchange.awaits()
            );
            let step = exchange.handle(frame, &mut out);
            next = record.next_item()?;
            match step {
                Ok(Step::More(same)) => exchange = same,
                Err(error) => return refused(&place, error),
                Ok(Step::Done(ended)) => {
                    return match next {
                        Some(Item::End(lists)) => Ok(Ran::Ended(Box::new(ended), lists)),
                        _ => Ok(Ran::Refused("messages after the last one".into())),
                    };
                }
            }
        }
    }

    /// Compares what the half came to with the receipt.
    fn compare(&self, ended: &Ended, recorded: Option<&ListHashes>, report: &mut Report) {
        let Some((transcripts, output)) = &self.receipt.completed else {
            return;
        };
        let job_id = self.spec.job_id();
        // Hashes that combine to the receipt's are bound by it, whoever wrote them down.
        let bound = recorded.filter(|lists| lists.combine(&job_id) == *transcripts);
        let differences = checks::differences(&self.spec, self.own, ended, transcripts, bound);
        let [sent, received] = differences;
        report.note(
            "what this side sent follows from seed, input and what it received",
            sent.is_empty(),
            || Some(sent.join("; ")),
        );
        report.note(
            "what it received is what the receipt says",
            received.is_empty(),
            || Some(received.join("; ")),
        );
        report.note(
            "the output is the one on the receipt",
            ended.output_commitment == *output,
            || Some("the output commitment".into()),
        );
    }
}

/// How far the half came.
enum Ran {
    /// To its end; with the hashes that the record gives of what crossed the wire.
    Ended(Box<Ended>, Option<ListHashes>),
    /// The messages ended before.
    Cut,
    /// A message that honest code does not take; where, and why.
    Refused(String),
}

fn refused(place: &str, error: Error) -> Result<Ran, ReplayError> {
    match error {
        Error::Store(error) => Err(error.into()),
        other => Ok(Ran::Refused(format!("{place}: {other}"))),
    }
}
