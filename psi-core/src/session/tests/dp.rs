//! Mode `dp`: every opened number is the plain one and the noise that follows from the seeds, and
//! nothing else depends on how many rows or dummies there are.

mod attacks;
mod hostile;
mod noisy;

use std::sync::Arc;

use super::pair::{Ends, Frame, Pair};
use super::sums::table;
use super::table::{Table, lists, plain, spec_in};
use super::{ListId, Portable, tools};
use crate::dp::{Delta, Epsilon};
use crate::kernel::counting::{Counting, Work};
use crate::receipt::output_commitment;
use crate::seed::{JobSeed, Purpose};
use crate::session::opened::{OpenedMatch, OpenedPart};
use crate::spec::{AskedMode, ComponentKind, JobSpec, Loss, Party, Recipients};

/// Epsilon 4 in all, one in a million.
const ASKED: AskedMode = AskedMode::Dp(Loss {
    epsilon: match Epsilon::from_micros(4_000_000) {
        Ok(epsilon) => epsilon,
        Err(_) => panic!("four is an epsilon"),
    },
    delta: Delta(1 << 44),
});

/// Two tables, the requester's first, and who receives.
struct Case {
    asking: Table,
    asked: Table,
    recipients: Recipients,
}

impl Case {
    fn new(asking: Table, asked: Table, recipients: Recipients) -> Self {
        Self {
            asking,
            asked,
            recipients,
        }
    }

    fn spec(&self) -> JobSpec {
        spec_in(ASKED, &self.asking, &self.asked, self.recipients).unwrap()
    }

    fn start(&self, kernel: Arc<dyn crate::kernel::Kernel>, seeds: [[u8; 32]; 2]) -> Pair {
        let spec = self.spec();
        let sides = [
            lists(&spec, Party::Requester, &self.asking),
            lists(&spec, Party::Responder, &self.asked),
        ];
        Pair::with_seeds(&spec, seeds, sides, &tools(kernel), 1 << 18).unwrap()
    }

    fn run(&self, seeds: [[u8; 32]; 2]) -> Ends {
        self.start(Arc::new(Portable), seeds).run().unwrap()
    }

    /// What a plain join says, with nothing suppressed.
    fn exact(&self) -> OpenedMatch {
        let mut spec = self.spec();
        spec.minimum = 0;
        plain(&spec, &self.asking, &self.asked).remove(0)
    }
}

/// Jobs of every course that an opening can take.
fn cases() -> Vec<Case> {
    use Recipients::{Both, Requester};
    let mut nullable = table(10..70, 2, 2);
    nullable.columns[0] = (nullable.columns[0].0, true);
    for (person, row) in &mut nullable.rows {
        row.values[0] = row.values[0].filter(|_| person % 3 != 0);
    }
    vec![
        // Single counts: opened to the Receiver alone, to both, to the Sender alone.
        Case::new(table(0..60, 0, 0), table(10..90, 0, 0), Requester),
        Case::new(table(0..60, 0, 0), table(10..90, 0, 0), Both),
        Case::new(table(0..90, 0, 0), table(10..60, 0, 0), Requester),
        // Parts.
        Case::new(table(0..90, 3, 0), table(10..80, 0, 0), Requester),
        Case::new(table(0..90, 3, 0), table(10..80, 0, 0), Both),
        // Sums, by no group, by the Receiver's, by the Sender's, by both.
        Case::new(table(0..60, 0, 0), table(10..70, 0, 1), Requester),
        Case::new(table(0..60, 2, 0), table(10..70, 0, 1), Both),
        Case::new(table(0..60, 0, 0), table(10..70, 2, 1), Both),
        Case::new(table(0..60, 2, 0), nullable, Requester),
        // Sums of the requester's own column.
        Case::new(table(0..60, 2, 1), table(10..70, 0, 0), Requester),
        Case::new(table(0..60, 2, 1), table(10..70, 3, 0), Requester),
    ]
}

/// All noise of a job, from both seeds.
struct Noise {
    /// Of the match count of each part, centred, with what the Receiver adds to a report.
    counts: Vec<i64>,
    /// Of all components of each part.
    sums: Vec<Vec<i64>>,
}

fn noise(spec: &JobSpec, seeds: [[u8; 32]; 2]) -> Noise {
    let terms = spec.dp().unwrap();
    let seed = |party| match party {
        Party::Requester => JobSeed::new(seeds[0]),
        Party::Responder => JobSeed::new(seeds[1]),
    };
    let receiver = spec.receiver;
    let sender = receiver.other();
    let (to_receiver, to_sender) = (
        spec.recipients.include(receiver),
        spec.recipients.include(sender),
    );
    let mut noise = Noise {
        counts: Vec::new(),
        sums: Vec::new(),
    };
    let width = usize::try_from(spec.payload.width()).unwrap();
    for (part, _) in (0..).zip(&spec.parts) {
        let marked = terms.count_noise().unwrap();
        let marked = marked.sample(&mut seed(sender).stream(Purpose::DummyCount, 0, part));
        let mut count = marked.expose().cast_signed() - terms.centre().cast_signed();
        if to_sender {
            let mut stream = seed(receiver).stream(Purpose::CountNoise, 0, part);
            count += terms.report_noise().unwrap().sample(&mut stream).expose();
        }
        noise.counts.push(count);
        let mut sums = vec![0; width];
        for (party, adds) in [(receiver, to_sender), (sender, to_receiver)] {
            let mut stream = seed(party).stream(Purpose::ShareNoise, 0, part);
            let components = terms.component_noise().unwrap();
            for (sum, of) in sums.iter_mut().zip(components.iter().cycle()) {
                if adds {
                    *sum += of.sample(&mut stream).expose();
                }
            }
        }
        noise.sums.push(sums);
    }
    noise
}

/// What is to be opened: plain numbers, noise, suppression by the noisy identities.
fn expected(case: &Case, seeds: [[u8; 32]; 2]) -> OpenedMatch {
    let spec = case.spec();
    let noise = noise(&spec, seeds);
    let minimum = spec.minimum.cast_signed();
    let identities = spec.payload.find(ComponentKind::Identities);
    let width = spec.payload.components.len();
    let exact = case.exact().parts.into_iter().map(Option::unwrap);
    let part = |(number, exact): (usize, OpenedPart)| {
        let sums = exact.components.iter().zip(&noise.sums[number]);
        let mut components: Vec<i64> = sums.map(|(sum, noise)| sum + noise).collect();
        let Some(identities) = identities else {
            let count = exact.count.cast_signed() + noise.counts[number];
            return (count >= minimum).then(|| OpenedPart {
                count: count.cast_unsigned(),
                components,
            });
        };
        for block in components.chunks_mut(width) {
            if block[identities] < minimum {
                block.fill(0);
            }
        }
        Some(OpenedPart {
            count: 0,
            components,
        })
    };
    OpenedMatch {
        parts: exact.enumerate().map(part).collect(),
    }
}

const SEEDS: [[[u8; 32]; 2]; 3] = [
    [[11; 32], [22; 32]],
    [[22; 32], [11; 32]],
    [[1; 32], [2; 32]],
];

#[test]
fn every_opened_number_is_the_plain_one_and_the_noise_of_the_seeds() {
    for (number, case) in cases().iter().enumerate() {
        let spec = case.spec();
        assert_eq!(JobSpec::decode(&spec.encode()).unwrap(), spec);
        for seeds in SEEDS {
            let ends = case.run(seeds);
            let opened = ends.requester.opened.unwrap();
            assert_eq!(opened.matches, [expected(case, seeds)], "case {number}");
            assert!(!opened.implausible, "case {number}");
            assert_eq!(
                ends.responder.output_commitment,
                output_commitment(&opened.salt, &opened.cells)
            );
            assert_eq!(ends.requester.transcripts, ends.responder.transcripts);
            match spec.recipients {
                Recipients::Both => assert_eq!(ends.responder.opened, Some(opened)),
                Recipients::Requester => assert!(ends.responder.opened.is_none()),
            }
        }
    }
}

#[test]
fn who_knows_both_seeds_finds_the_exact_answer_and_without_them_it_is_another() {
    let (mut same, mut all) = (0, 0);
    for case in cases() {
        let spec = case.spec();
        let exact = case.exact();
        for seeds in SEEDS {
            let noise = noise(&spec, seeds);
            let opened = case.run(seeds).requester.opened.unwrap();
            let parts = opened.matches[0].parts.iter().zip(&exact.parts);
            for (number, (part, exact)) in parts.enumerate() {
                let (Some(part), Some(exact)) = (part, exact) else {
                    continue;
                };
                if spec.payload.find(ComponentKind::Identities).is_none() {
                    let count = part.count.cast_signed() - noise.counts[number];
                    assert_eq!(count, exact.count.cast_signed());
                }
                let sums = part.components.iter().zip(&exact.components);
                for ((sum, exact), noise) in sums.zip(&noise.sums[number]) {
                    // A suppressed block is blank.
                    assert!(*sum == 0 || sum - noise == *exact);
                    same += usize::from(sum == exact);
                    all += 1;
                }
            }
        }
    }
    assert!(all > 100 && same < all / 2, "{same} of {all} have no noise");
}

/// What a job does that could tell something: kernel calls, and lengths of frames. Frames of lists
/// differ in their code by a few bytes; all others have one size.
fn work(case: &Case, seeds: [[u8; 32]; 2]) -> (Work, Vec<usize>) {
    let kernel = Arc::new(Counting::new(Portable));
    let ends = case.start(Arc::clone(&kernel) as _, seeds).run().unwrap();
    let is_raw = |(_, bytes): &&(Party, Vec<u8>)| {
        let list = Frame::split(bytes).unwrap().0.list();
        !matches!(
            list,
            Some(ListId::Blinded | ListId::Tags | ListId::Evaluated)
        )
    };
    let raw = ends.wire.iter().filter(is_raw);
    let mut lengths: Vec<usize> = raw.map(|(_, bytes)| bytes.len()).collect();
    lengths.sort_unstable();
    (kernel.work(), lengths)
}

#[test]
fn work_and_messages_are_the_same_whatever_passes_and_however_many_dummies_are_marked() {
    let filtered = |asking: u32, asked: u32| {
        let mut case = Case::new(table(0..60, 2, 0), table(0..80, 2, 1), Recipients::Both);
        (case.asking.minimum, case.asked.minimum) = (5, 5);
        case.asking.rows.retain(|person, _| *person < asking);
        case.asked.rows.retain(|person, _| *person < asked);
        case
    };
    let spec = filtered(60, 80).spec();
    let dummies = spec.dp().unwrap().dummies;
    let all = work(&filtered(60, 80), SEEDS[0]);
    // Two parts of 60 people each, and 80 on the other side.
    assert_eq!(spec.sender_size, 80 + 2 * dummies);
    assert_eq!(all.0.mapped, 2 * (60 + dummies) + spec.sender_size);
    assert_eq!(all.0.decoded, 2 * 2 * (60 + 64 + dummies));
    let mut marked = std::collections::BTreeSet::new();
    for seeds in SEEDS {
        marked.extend(noise(&spec, seeds).counts);
        for (asking, asked) in [(60, 80), (0, 0), (60, 0), (0, 80), (4, 5), (30, 40)] {
            let of = work(&filtered(asking, asked), seeds);
            assert_eq!(of, all, "{asking} and {asked} people pass");
        }
    }
    assert!(
        marked.len() > 1,
        "the number of marked dummies never changed"
    );
}

#[test]
fn a_part_of_the_minimum_and_its_neighbour_differ_in_the_noisy_count_alone() {
    let with = |people: u32| {
        let mut case = Case::new(table(0..60, 0, 0), table(0..80, 0, 0), Recipients::Both);
        (case.asking.minimum, case.asked.minimum) = (10, 3);
        case.asking.rows.retain(|person, _| *person < people);
        case
    };
    let (at, below) = (with(10), with(9));
    let (mut shown, mut hidden) = (0, 0);
    for seed in 0..40 {
        let seeds = [[seed; 32], [seed + 100; 32]];
        let spec = at.spec();
        assert_eq!(spec, below.spec());
        let noise = noise(&spec, seeds).counts[0];
        for (case, people) in [(&at, 10), (&below, 9)] {
            let cells = case.run(seeds).responder.opened.unwrap().cells;
            let cell = u64::try_from(people + noise).ok();
            let cell = cell.filter(|count| *count >= 10);
            assert_eq!(cells, [cell], "noise {noise} on {people}");
            shown += u64::from(cell.is_some());
            hidden += u64::from(cell.is_none());
        }
        if seed == 0 {
            assert_eq!(work(&at, seeds), work(&below, seeds));
        }
    }
    assert!(shown > 20 && hidden > 20, "{shown} shown, {hidden} hidden");
}
