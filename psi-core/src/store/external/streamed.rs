//! Writes a list that keeps its order. It fills memory, and beyond that appends to a single run.

use super::Home;
use super::buffer::Buffer;
use super::list::RunList;
use crate::store::memory::keep_distinct;
use crate::store::runs::SortedRunWriter;
use crate::store::{RecordList, RecordWriter, StoreError, check_whole};

pub(super) struct StreamedWriter {
    home: Home,
    width: usize,
    buffer: Buffer,
    /// Set once the list has left memory.
    run: Option<Box<dyn SortedRunWriter>>,
}

impl StreamedWriter {
    pub(super) fn new(home: Home, width: usize) -> Self {
        Self {
            buffer: Buffer::new(home.clone(), width, 0),
            home,
            width,
            run: None,
        }
    }

    /// Moves the contents of memory to the run. The first time, it also gives most of the memory
    /// back.
    fn spill(&mut self) -> Result<(), StoreError> {
        if let Some(run) = &mut self.run {
            run.append(self.buffer.records())?;
            self.buffer.clear();
        } else {
            let mut run = self.home.storage.create()?;
            run.append(self.buffer.records())?;
            self.run = Some(run);
            self.buffer = Buffer::new(self.small_home(), self.width, 0);
        }
        Ok(())
    }

    /// Allows the rest of the list the buffer of a run and no more.
    fn small_home(&self) -> Home {
        let mut home = self.home.clone();
        home.tuning.guaranteed_bytes = home
            .tuning
            .guaranteed_bytes
            .min(home.tuning.read_buffer_max);
        home.tuning.list_bytes_max = home.tuning.guaranteed_bytes;
        home
    }

    fn into_run(self, run: Box<dyn SortedRunWriter>) -> Result<RunList, StoreError> {
        let Self {
            home,
            width,
            buffer,
            ..
        } = self;
        let mut run = run;
        run.append(buffer.records())?;
        drop(buffer);
        Ok(RunList::new(home, width, vec![run.finish()?]))
    }
}

impl RecordWriter for StreamedWriter {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        check_whole(records, self.width)?;
        let mut rest = self.buffer.fill(records);
        while !rest.is_empty() {
            if !self.buffer.grow()? {
                self.spill()?;
            }
            rest = self.buffer.fill(rest);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        match self.run.take() {
            Some(run) => Ok(Box::new(self.into_run(run)?)),
            None => self.buffer.into_list(),
        }
    }

    fn finish_distinct(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        if let Some(run) = self.run.take() {
            return Ok(Box::new(self.into_run(run)?.into_distinct()?));
        }
        keep_distinct(self.buffer.records_mut(), self.width);
        self.buffer.into_list()
    }
}
