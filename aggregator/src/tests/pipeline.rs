//! A whole job between two catalogs, with a matcher in the clear in the place of cryptography.
//!
//! Everything else is what two nodes do: both plan the text, assemble the same specification,
//! freeze their inputs for their roles, and the requester computes its rows from what was opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use psi_core::Code;
use psi_core::progress::Silent;
use psi_core::session::opened::{OpenedMatch, OpenedPart};
use psi_core::spec::{
    Agreement, AskedMode, CollabId, ComponentKind, Half, JobSpec, LiteralCommitment, MatchSpec,
    Party, Recipients, RevisionHash,
};
use psi_core::store::{MemoryStore, RecordList, RecordStore};

use crate::error::{FreezeError, QueryError};
use crate::result::ResultTable;
use crate::testing::{MEMBERS, MEMBERS_OF_PEER};
use crate::{Catalog, JobInput, OutputPlan, RowKey};

/// A job that both sides agreed on, with both frozen inputs.
pub(crate) struct Job {
    pub(crate) spec: JobSpec,
    pub(crate) output: OutputPlan,
    pub(crate) asking: JobInput,
    pub(crate) asked: JobInput,
}

/// Plans, agrees and freezes; the code of whoever refuses otherwise.
pub(crate) async fn agree(asking: &Catalog, asked: &Catalog, sql: &str) -> Result<Job, Code> {
    let store = Arc::new(MemoryStore);
    let job = agree_over(asking, asked, sql, [store.clone(), store]).await?;
    Ok(job.unwrap())
}

/// [`agree`] with the stores of the two sides' lists; the error of a freezing that fails.
pub(crate) async fn agree_over(
    asking: &Catalog,
    asked: &Catalog,
    sql: &str,
    stores: [Arc<dyn RecordStore>; 2],
) -> Result<Result<Job, FreezeError>, Code> {
    agree_in(AskedMode::Exact, (asking, asked), sql, stores).await
}

/// [`agree_over`] for a job in any mode; the keys that draw rows are always the same.
pub(crate) async fn agree_in(
    mode: AskedMode,
    (asking, asked): (&Catalog, &Catalog),
    sql: &str,
    [of_asking, of_asked]: [Arc<dyn RecordStore>; 2],
) -> Result<Result<Job, FreezeError>, Code> {
    let request = asking.plan_request(sql, MEMBERS).map_err(|err| match err {
        QueryError::Refused(refusal) => refusal.code,
        other => panic!("{sql}: {other}; {}", other.remedy()),
    })?;
    let response = asked
        .plan_response(&request.canonical, MEMBERS_OF_PEER, request.hidden.len())
        .map_err(|refusal| refusal.code)?;
    assert_eq!(request.output, response.output);
    let agreement = |output: &OutputPlan| Agreement {
        collab_id: CollabId([1; 32]),
        revision: RevisionHash([5; 32]),
        query: request.canonical.clone(),
        hidden: vec![LiteralCommitment([0; 64]); request.hidden.len()],
        shape: output.shape.clone(),
        recipients: Recipients::Requester,
        mode,
        requester_may_receive: true,
        responder_may_receive: true,
    };
    let (mut facts, mut asked_facts) = (request.facts, response.facts);
    if mode != AskedMode::Exact {
        facts = request.private_facts.map_err(|refusal| refusal.code)?;
        asked_facts = response.private_facts.map_err(|refusal| refusal.code)?;
    }
    let half = |node: u8, facts: &psi_core::facts::TableFacts| Half {
        node_id: [node; 32].into(),
        nonce: [node; 32].into(),
        facts: facts.clone(),
    };
    let assemble = |output: &OutputPlan| {
        let halves = (half(1, &facts), half(2, &asked_facts));
        JobSpec::assemble(agreement(output), halves.0, halves.1)
    };
    let spec = assemble(&request.output).map_err(|err| err.code())?;
    assert_eq!(JobSpec::decode(&spec.encode()).unwrap(), spec);
    assert_eq!(assemble(&response.output).unwrap(), spec);
    let freeze = |catalog: &Catalog, side: &crate::SidePlan, own: Party, store| {
        let (catalog, side, spec) = (catalog.clone(), side.clone(), spec.clone());
        async move {
            let progress = Arc::new(Silent);
            let key = (mode != AskedMode::Exact).then(|| RowKey::new([7; 32]));
            let input = catalog.freeze_job(&side, &spec, own, key, store, progress);
            input.await
        }
    };
    let asking = freeze(asking, &request.side, Party::Requester, of_asking).await;
    let asked = freeze(asked, &response.side, Party::Responder, of_asked).await;
    Ok(asking.and_then(|asking| {
        Ok(Job {
            asking,
            asked: asked?,
            spec,
            output: request.output,
        })
    }))
}

impl Job {
    pub(crate) fn input(&self, party: Party) -> &JobInput {
        match party {
            Party::Requester => &self.asking,
            Party::Responder => &self.asked,
        }
    }

    /// What would be opened of each match.
    pub(crate) fn opened(&self) -> Vec<OpenedMatch> {
        let matches = self.spec.matches();
        matches.iter().map(|of| self.opened_of(of)).collect()
    }

    fn opened_of(&self, of: &MatchSpec) -> OpenedMatch {
        let parts = self.input(of.receiver).parts.as_ref().unwrap();
        let payload = self.input(of.receiver.other()).payload.as_ref().unwrap();
        let width = usize::try_from(of.payload.width()).unwrap();
        let payload: BTreeMap<Vec<u8>, Vec<i64>> = records(payload.as_ref())
            .into_iter()
            .map(|record| {
                let words = record[32..].chunks(8);
                let words = words.map(|word| i64::from_be_bytes(word.try_into().unwrap()));
                (record[..32].to_vec(), words.collect())
            })
            .collect();
        let counted = of.payload.find(ComponentKind::Identities).is_some();
        let opened = parts.iter().map(|part| {
            let matches = records(part.as_ref());
            let matches = matches.iter().filter_map(|digest| payload.get(digest));
            let mut opened = OpenedPart {
                count: 0,
                components: vec![0; width],
            };
            for words in matches {
                opened.count += 1;
                for (sum, word) in opened.components.iter_mut().zip(words) {
                    *sum = sum.checked_add(*word).unwrap();
                }
            }
            (counted || opened.count >= self.spec.minimum).then_some(opened)
        });
        OpenedMatch {
            parts: opened.collect(),
        }
    }

    pub(crate) fn rows(&self) -> ResultTable {
        self.output.rows(&self.spec, &self.opened()).unwrap()
    }
}

/// All records of a list.
pub(crate) fn records(list: &dyn RecordList) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    list.reader()
        .unwrap()
        .next_batch(&mut bytes, usize::MAX >> 16)
        .unwrap();
    let records: Vec<Vec<u8>> = bytes.chunks(list.width()).map(<[u8]>::to_vec).collect();
    assert_eq!(records.len() as u64, list.len());
    assert!(records.is_sorted_by(|a, b| a[..32] < b[..32]));
    records
}
