//! A step of a log's machine as data: what to make durable, what to send after that, and what comes
//! next.
//!
//! Every state of the log makes steps; a driver carries them out in the order of the fields.

use std::borrow::Cow;

use super::{LogView, Member, StoredEntry};
use crate::error::{Code, Error};
use crate::messages::Control;
use crate::receipt::{Body, Signature};
use crate::spec::JobId;

/// What one state leaves for its driver to do.
#[derive(Debug)]
pub struct Step<S> {
    /// Changes to this member's state, in this order, each durable before the next. All of them
    /// come before `send`.
    pub store: Vec<Change>,
    /// The message to send after that.
    pub send: Option<Control>,
    /// What comes next.
    pub next: Next<S>,
}

/// The result of a state that reads `V`.
pub type StepResult<S, V> = Result<Step<S>, LogError<<V as LogView>::Error>>;

/// What comes after a step.
#[derive(Debug)]
pub enum Next<S> {
    /// The peer's next message, for [`Machine::handle`].
    Expect(S),
    /// Nothing from the peer: call [`Machine::go_on`], once the changes are made.
    Go(S),
    /// It is done.
    Done,
    /// The logs do not agree: the driver ends the stream and tells its owner.
    Broken(&'static str),
}

/// A change to a member's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Appends an entry and, in the same transaction, the consequences of `body`: an opening is
    /// charged and its job taken for good; a closing marks its job closed. Fails if the entry does
    /// not continue the log.
    Append {
        /// The entry.
        stored: StoredEntry,
        /// What it says.
        body: Box<Body>,
    },
    /// Puts the peer's signature, which has been verified, on a stored entry. On an entry that
    /// closes a job, it may become durable with the next change: a settlement brings one that was
    /// lost.
    Countersign {
        /// The number of the entry.
        seq: u64,
        /// The signature.
        signature: Signature,
    },
    /// Marks the log as one that cannot be continued.
    Break(&'static str),
    /// The ledger of this node may lack debits, of any collaboration.
    DoubtLedger(&'static str),
    /// The owner's statement is on the log, which is sound again.
    Repaired,
    /// The sequencer will not open this job, so its opening is not awaited any more.
    Forget(JobId),
    /// In memory: ends a job that runs here, because the other member no longer runs it, and drops
    /// the note of how it ended.
    EndJob(JobId),
    /// Both logs hold the same entries, so this one hides no debit.
    Settled,
}

/// The states of one exchange about a log.
pub trait Machine: Sized {
    /// Takes the message that the state awaits. The peer's [`Control::Abort`] counts as one, too.
    ///
    /// # Errors
    /// The [`LogError`] that ends the exchange. Nothing is changed then.
    fn handle<V: LogView>(self, member: &Member<'_, V>, message: Control) -> StepResult<Self, V>;

    /// Goes on without a message, after [`Next::Go`].
    ///
    /// # Errors
    /// The [`LogError`] that ends the exchange. Nothing is changed then.
    fn go_on<V: LogView>(self, member: &Member<'_, V>) -> StepResult<Self, V>;
}

/// Why an exchange about a log ends.
#[derive(Debug)]
pub enum LogError<E> {
    /// This node's state cannot be read.
    View(E),
    /// The peer sent what the specification forbids, or the driver is at fault.
    Protocol(Error),
    /// The peer ended it.
    PeerAborted(Code),
    /// The last entry lacks the other member's signature, so none may follow.
    Unfinished,
    /// The logs do not agree.
    Disagree(Cow<'static, str>),
}

impl<E> From<E> for LogError<E> {
    fn from(error: E) -> Self {
        Self::View(error)
    }
}

impl<S> Step<S> {
    /// Waits for the peer.
    pub(super) const fn expect(store: Vec<Change>, send: Option<Control>, state: S) -> Self {
        Self {
            store,
            send,
            next: Next::Expect(state),
        }
    }

    /// Goes on once `store` is durable and `send` has left.
    pub(super) const fn go(store: Vec<Change>, send: Option<Control>, state: S) -> Self {
        Self {
            store,
            send,
            next: Next::Go(state),
        }
    }

    pub(super) const fn done(store: Vec<Change>, send: Option<Control>) -> Self {
        Self {
            store,
            send,
            next: Next::Done,
        }
    }

    /// The logs do not agree, and `store` says so.
    pub(super) const fn broken(store: Vec<Change>, why: &'static str) -> Self {
        Self {
            store,
            send: None,
            next: Next::Broken(why),
        }
    }

    /// The step of a machine of which this one is a part: `wrap` makes the state while the part
    /// lasts, `then` gives what the whole continues with once the part is done. `context` goes to
    /// one of them.
    pub(super) fn within<C, T>(
        self,
        context: C,
        wrap: impl FnOnce(C, S) -> T,
        then: impl FnOnce(C) -> T,
    ) -> Step<T> {
        let next = match self.next {
            Next::Expect(state) => Next::Expect(wrap(context, state)),
            Next::Go(state) => Next::Go(wrap(context, state)),
            Next::Done => Next::Go(then(context)),
            Next::Broken(why) => Next::Broken(why),
        };
        Step {
            store: self.store,
            send: self.send,
            next,
        }
    }

    /// The step of a machine that wraps this one under another name.
    pub(super) fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Step<T> {
        let next = match self.next {
            Next::Expect(state) => Next::Expect(wrap(state)),
            Next::Go(state) => Next::Go(wrap(state)),
            Next::Done => Next::Done,
            Next::Broken(why) => Next::Broken(why),
        };
        Step {
            store: self.store,
            send: self.send,
            next,
        }
    }
}

/// The peer broke the rules.
pub(super) const fn misbehaved<E>(code: Code, detail: &'static str) -> LogError<E> {
    LogError::Protocol(Error::PeerMisbehaved { code, detail })
}

/// The answer of a state to a message that it does not await.
pub(super) const fn unexpected<E>(message: &Control, detail: &'static str) -> LogError<E> {
    match message {
        Control::Abort(code) => LogError::PeerAborted(*code),
        _ => misbehaved(Code::UnexpectedMessage, detail),
    }
}

/// The driver called the wrong one of a machine's two functions.
pub(super) const fn misuse<E>() -> LogError<E> {
    LogError::Protocol(Error::ApiMisuse(
        "a state of a receipt log was driven wrongly",
    ))
}
