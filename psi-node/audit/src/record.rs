//! What a record holds, as a stream of items (Spec 07 §11).
//!
//! Written by a node while a job runs, read by [`crate::replay`]; both are here, so that one file
//! says what a record is. Memory is bounded by one item, whatever the job. Nothing here is
//! encrypted: [`crate::seal`] is around it.

use std::io::{self, Read, Write};

use psi_core::limits::{QUERY_BYTES_MAX, ROWS_BYTES_MAX};
use psi_core::messages::frame::{Frame, RowsHeader};
use psi_core::messages::{Control, codec};
use psi_core::seed::JobSeed;
use psi_core::session::{BATCH_RECORDS, JobLists, SharedList};
use psi_core::spec::{JobSpec, LiteralSalt, Party};
use psi_core::store::StoreError;
use psi_core::transcript::{ListHash, ListHashes};
use zeroize::Zeroizing;

/// First bytes of the first item's body; the last byte is the format's version.
const MAGIC: &[u8; 17] = b"glovebox-audit\0\0\x01";
/// Bytes of one item's body: more than a frame, and than a batch of the widest records.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

const HEAD: u8 = 1;
const LITERAL: u8 = 2;
const LIST: u8 = 3;
const RECORDS: u8 = 4;
const CONTROL: u8 = 5;
const ROWS: u8 = 6;
const END: u8 = 7;
const FILLING: u8 = 8;

/// Why a record cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The list that is to be written.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The bytes are not a record, or the record was changed.
    #[error("the record is not well-formed: {0}")]
    Malformed(&'static str),
}

/// A role in which a list was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListRole {
    /// A part of the Receiver's list: digests.
    Part,
    /// The Sender's list: digests with payload.
    Positions,
}

/// One item of a record.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, and it is taken apart as soon as it is read"
)]
pub enum Item {
    /// The first: whose half this is.
    Head {
        /// The side.
        own: Party,
        /// The seed.
        seed: Zeroizing<[u8; 32]>,
        /// The encoded specification.
        spec: Vec<u8>,
    },
    /// A hidden literal, in the order of the specification.
    Literal {
        /// The salt of its commitment.
        salt: LiteralSalt,
        /// Its SQL text.
        text: Zeroizing<String>,
    },
    /// A list of the frozen input begins, in the order of Spec 07 §3.
    List {
        /// Its role.
        role: ListRole,
        /// Bytes of a record.
        width: usize,
        /// Its number of records.
        count: u64,
    },
    /// The next records of the list.
    Records(Zeroizing<Vec<u8>>),
    /// Bytes that say nothing and make the record as long whatever was selected.
    Filling,
    /// A frame that the peer sent.
    Received(Frame),
    /// The last: the hashes of all lists, if the job came to its end.
    End(Option<ListHashes>),
}

/// Writes a record, item by item.
pub struct RecordWriter<W: Write> {
    output: W,
    /// Bytes of the list that is being received, which are not written yet. However small a peer
    /// cuts its frames, the record gets items of a frame's size.
    waiting: Option<(RowsHeader, Vec<u8>)>,
    /// Bytes of records of the frozen input.
    pub input_bytes: u64,
    /// Bytes of frames that the peer sent.
    pub received_bytes: u64,
}

impl<W: Write> RecordWriter<W> {
    /// Begins a record.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn begin(
        output: W,
        own: Party,
        seed: &JobSeed,
        spec: &JobSpec,
    ) -> Result<Self, RecordError> {
        let mut writer = Self {
            output,
            waiting: None,
            input_bytes: 0,
            received_bytes: 0,
        };
        let own = match own {
            Party::Requester => 0,
            Party::Responder => 1,
        };
        writer.item(HEAD, &[MAGIC, &[own], seed.expose(), &spec.encode()])?;
        Ok(writer)
    }

    /// Adds a hidden literal.
    ///
    /// # Errors
    /// Those of the output.
    pub fn literal(&mut self, salt: &LiteralSalt, text: &str) -> Result<(), RecordError> {
        self.item(LITERAL, &[salt.as_bytes(), text.as_bytes()])
    }

    /// Adds the frozen input, and filling for `others`, the identities that are in none of its
    /// lists.
    ///
    /// # Errors
    /// Those of the lists and of the output.
    pub fn input(&mut self, input: &JobLists, others: &[SharedList]) -> Result<(), RecordError> {
        for list in input.parts.iter().flatten() {
            self.list(0, list)?;
        }
        if let Some(list) = &input.positions {
            self.list(1, list)?;
        }
        others.iter().try_for_each(|list| self.filling(list))
    }

    /// As many zeros as a list has bytes, which is read meanwhile.
    fn filling(&mut self, list: &SharedList) -> Result<(), RecordError> {
        let mut batch = Zeroizing::new(Vec::with_capacity(BATCH_RECORDS * list.width()));
        let mut reader = list.reader()?;
        loop {
            reader.next_batch(&mut batch, BATCH_RECORDS)?;
            if batch.is_empty() {
                return Ok(());
            }
            self.input_bytes = self.input_bytes.saturating_add(batch.len() as u64);
            batch.fill(0);
            self.item(FILLING, &[&batch])?;
        }
    }

    fn list(&mut self, role: u8, list: &SharedList) -> Result<(), RecordError> {
        let width = u32::try_from(list.width())
            .map_err(|_| RecordError::Malformed("records wider than any"))?;
        let (width, count) = (width.to_be_bytes(), list.len().to_be_bytes());
        self.item(LIST, &[&[role], &width, &count])?;
        // With room for all: what a growing buffer outgrows would not be erased.
        let mut batch = Zeroizing::new(Vec::with_capacity(BATCH_RECORDS * list.width()));
        let mut reader = list.reader()?;
        loop {
            reader.next_batch(&mut batch, BATCH_RECORDS)?;
            if batch.is_empty() {
                return Ok(());
            }
            self.input_bytes = self.input_bytes.saturating_add(batch.len() as u64);
            self.item(RECORDS, &[&batch])?;
        }
    }

    /// Adds a frame that the peer sent.
    ///
    /// # Errors
    /// Those of the output.
    pub fn received(&mut self, frame: &Frame) -> Result<(), RecordError> {
        let bytes = match frame {
            Frame::Control(message) => {
                self.write_waiting()?;
                let message = codec::encode(message);
                self.item(CONTROL, &[&message])?;
                message.len()
            }
            Frame::Rows(header, bytes) => {
                self.join(*header, bytes)?;
                bytes.len()
            }
        };
        self.received_bytes = self.received_bytes.saturating_add(bytes as u64);
        Ok(())
    }

    /// Adds bytes to those of the same list that wait, or lets them wait in their place.
    fn join(&mut self, header: RowsHeader, bytes: &[u8]) -> Result<(), RecordError> {
        if let Some((of, waiting)) = &mut self.waiting
            && *of == header
            && waiting.len() + bytes.len() <= ROWS_BYTES_MAX
        {
            waiting.extend_from_slice(bytes);
            return Ok(());
        }
        self.write_waiting()?;
        self.waiting = Some((header, bytes.to_vec()));
        Ok(())
    }

    fn write_waiting(&mut self) -> Result<(), RecordError> {
        match self.waiting.take() {
            Some((header, bytes)) => self.item(ROWS, &[&header.encode(), &bytes]),
            None => Ok(()),
        }
    }

    /// Ends the record and gives the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(mut self, lists: Option<&ListHashes>) -> Result<W, RecordError> {
        self.write_waiting()?;
        let mut body = Vec::new();
        if let Some(lists) = lists {
            for hashes in [&lists.to_sender, &lists.to_receiver] {
                body.extend((hashes.len() as u64).to_be_bytes());
                body.extend(hashes.iter().flat_map(ListHash::as_bytes));
            }
        }
        self.item(END, &[&body])?;
        Ok(self.output)
    }

    fn item(&mut self, kind: u8, pieces: &[&[u8]]) -> Result<(), RecordError> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if length > BODY_BYTES_MAX {
            return Err(RecordError::Malformed("an item is too long"));
        }
        let length =
            u32::try_from(length).map_err(|_| RecordError::Malformed("an item is too long"))?;
        self.output.write_all(&[kind])?;
        self.output.write_all(&length.to_be_bytes())?;
        for piece in pieces {
            self.output.write_all(piece)?;
        }
        Ok(())
    }
}

/// Reads a record, item by item.
pub struct RecordReader<R: Read> {
    input: R,
    ended: bool,
}

impl<R: Read> RecordReader<R> {
    /// Reads from the start of a decrypted record.
    pub const fn new(input: R) -> Self {
        Self {
            input,
            ended: false,
        }
    }

    /// The next item; `None` after the last.
    ///
    /// # Errors
    /// [`RecordError::Malformed`], also if the record was cut off; those of the input.
    pub fn next_item(&mut self) -> Result<Option<Item>, RecordError> {
        let mut kind = [0];
        if self.input.read(&mut kind)? == 0 {
            return if self.ended {
                Ok(None)
            } else {
                Err(RecordError::Malformed("it was cut off"))
            };
        }
        if self.ended {
            return Err(RecordError::Malformed("something follows its end"));
        }
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > BODY_BYTES_MAX {
            return Err(RecordError::Malformed("an item is too long"));
        }
        let mut body = Zeroizing::new(vec![0; length]);
        self.input.read_exact(&mut body)?;
        let [kind] = kind;
        let item = decode(kind, body)?;
        self.ended = matches!(item, Item::End(_));
        Ok(Some(item))
    }
}

fn decode(kind: u8, body: Zeroizing<Vec<u8>>) -> Result<Item, RecordError> {
    let short = RecordError::Malformed("an item is too short");
    match kind {
        HEAD => {
            let rest = body.strip_prefix(MAGIC);
            let rest = rest.ok_or(RecordError::Malformed("it is not a record of this version"))?;
            let (own, rest) = rest.split_first().ok_or(short)?;
            let own = match own {
                0 => Party::Requester,
                1 => Party::Responder,
                _ => return Err(RecordError::Malformed("an unknown side")),
            };
            let (seed, spec) = rest
                .split_first_chunk()
                .ok_or(RecordError::Malformed("an item is too short"))?;
            Ok(Item::Head {
                own,
                seed: Zeroizing::new(*seed),
                spec: spec.to_vec(),
            })
        }
        LITERAL => {
            let (salt, text) = body.split_first_chunk().ok_or(short)?;
            if text.len() > QUERY_BYTES_MAX {
                return Err(RecordError::Malformed("a literal longer than a query"));
            }
            let text = String::from_utf8(text.to_vec())
                .map_err(|_| RecordError::Malformed("a literal that is not text"))?;
            Ok(Item::Literal {
                salt: LiteralSalt(*salt),
                text: Zeroizing::new(text),
            })
        }
        LIST => {
            let body: &[u8; 13] = body.as_slice().try_into().map_err(|_| short)?;
            let [role, w0, w1, w2, w3, count @ ..] = body;
            let role = match role {
                0 => ListRole::Part,
                1 => ListRole::Positions,
                _ => return Err(RecordError::Malformed("an unknown role")),
            };
            let width = u32::from_be_bytes([*w0, *w1, *w2, *w3]);
            Ok(Item::List {
                role,
                width: usize::try_from(width).unwrap_or(usize::MAX),
                count: u64::from_be_bytes(*count),
            })
        }
        RECORDS => Ok(Item::Records(body)),
        FILLING if body.iter().any(|byte| *byte != 0) => {
            Err(RecordError::Malformed("filling that says something"))
        }
        FILLING => Ok(Item::Filling),
        CONTROL => {
            let message: Control = codec::decode(&body)
                .map_err(|_| RecordError::Malformed("a message that does not decode"))?;
            Ok(Item::Received(Frame::Control(message)))
        }
        ROWS => {
            let (header, bytes) = RowsHeader::split(&body)
                .map_err(|_| RecordError::Malformed("rows of an unknown list"))?;
            Ok(Item::Received(Frame::Rows(header, bytes.to_vec())))
        }
        END if body.is_empty() => Ok(Item::End(None)),
        END => {
            let (to_sender, rest) = hashes(&body)?;
            let (to_receiver, rest) = hashes(rest)?;
            if !rest.is_empty() {
                return Err(RecordError::Malformed("bytes after the hashes"));
            }
            Ok(Item::End(Some(ListHashes {
                to_sender,
                to_receiver,
            })))
        }
        _ => Err(RecordError::Malformed("an unknown kind of item")),
    }
}

/// A number of hashes and the hashes, and what follows.
fn hashes(bytes: &[u8]) -> Result<(Vec<ListHash>, &[u8]), RecordError> {
    let malformed = || RecordError::Malformed("hashes that do not decode");
    let (count, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
    let count = usize::try_from(u64::from_be_bytes(*count)).map_err(|_| malformed())?;
    let length = count.checked_mul(64).ok_or_else(malformed)?;
    let (hashes, rest) = rest.split_at_checked(length).ok_or_else(malformed)?;
    let (hashes, _) = hashes.as_chunks();
    Ok((hashes.iter().copied().map(ListHash).collect(), rest))
}
