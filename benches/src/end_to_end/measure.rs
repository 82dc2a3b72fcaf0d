//! One pair of tables: makes them, and measures each question over them with each kernel.
//!
//! Steps for each kernel: start both nodes; measure the floor; then for each repetition and each
//! question, which take turns so that all see the same machine, note processor time and reset the peaks, ask, wait until both nodes are idle again, read both, and
//! measure the floor once more.

use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::data;
use crate::failure::{Failure, Outcome};
use crate::floor::{Floor, SharedKernel};
use crate::nodes::{Node, Setup};
use crate::proc::{FolderWatch, cores, cpu_seconds, machine_time, peak_rss_bytes, reset_peak};
use crate::question::Question;
use crate::report::{Load, NodeUse, Pair, Query, Run};
use crate::size::{float, shown};

/// How long nodes may go on after an answer, delivering and storing the last messages.
const SETTLE_MAX: Duration = Duration::from_secs(10);
const SETTLE_STEP: Duration = Duration::from_millis(100);
/// What the rest of the machine may use before a measurement is called disturbed.
const OTHERS_SHARE_MAX: f64 = 0.1;

/// How often and how long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) shared: u64,
    pub(crate) repeat: u32,
    /// Wall time of one measurement of the floor.
    pub(crate) floor_seconds: f64,
}

/// The row numbers of both tables: the Sender's begin where the Receiver's last `shared` do.
pub(crate) fn row_numbers(rows: Pair<u64>, shared: u64) -> Pair<Range<u64>> {
    let start = rows.receiver - shared;
    Pair {
        receiver: 0..rows.receiver,
        sender: start..start + rows.sender,
    }
}

/// Writes a pair of tables.
pub(crate) fn make_tables(setup: &Setup, plan: Plan) -> Outcome<()> {
    let Pair { receiver, sender } = setup.rows;
    let started = Instant::now();
    let numbers = row_numbers(setup.rows, plan.shared);
    let tables = [
        ("receiver", numbers.receiver, None),
        ("sender", numbers.sender, setup.regions),
    ];
    for (role, rows, regions) in tables {
        let file = setup.table_file(role);
        data::write_table(&file, setup.source, setup.id_kind, rows, regions)?;
    }
    eprintln!(
        "{} x {} rows, {} shared: tables made in {:.1} s",
        shown(receiver),
        shown(sender),
        shown(plan.shared),
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Measures a pair of tables: a run for each kernel and question.
pub(crate) fn measure(
    setup: &Setup,
    plan: Plan,
    questions: &[Question],
    kernels: &[SharedKernel],
) -> Outcome<Vec<Run>> {
    let mut runs = Vec::new();
    for kernel in kernels {
        runs.extend(with_kernel(setup, plan, questions, kernel)?);
    }
    Ok(runs)
}

fn with_kernel(
    setup: &Setup,
    plan: Plan,
    questions: &[Question],
    kernel: &SharedKernel,
) -> Outcome<Vec<Run>> {
    let name = kernel.name();
    let Pair {
        receiver: (receiver, receiver_load),
        sender: (sender, sender_load),
    } = setup.start(name)?;
    let load = Pair {
        receiver: receiver_load,
        sender: sender_load,
    };
    let loaded = |load: Load| format!("{:.1}", load.wall_seconds);
    eprintln!(
        "  {name}: tables loaded in {} s and {} s",
        loaded(load.receiver),
        loaded(load.sender)
    );
    let nodes = Pair { receiver, sender };
    let mut floor = Floor::measure(kernel, plan.floor_seconds)?;
    let run = |&question: &Question| Run {
        kernel: name.to_owned(),
        question,
        source: setup.source,
        id_kind: setup.id_kind,
        rows: setup.rows,
        shared: plan.shared,
        memory_limit: setup.memory_limit.map(str::to_owned),
        load,
        queries: Vec::new(),
    };
    let mut runs: Vec<Run> = questions.iter().map(run).collect();
    for number in 1..=plan.repeat {
        for run in &mut runs {
            let asked = run.question;
            let (query, floor_after) = one_query(setup, plan, asked, &nodes, kernel, floor)?;
            floor = floor_after;
            eprintln!(
                "  {name}: {}, {number} of {}: {:.1} s, {:.2} us of processor time per element",
                asked.name(),
                plan.repeat,
                query.wall_seconds,
                query.cpu_us_per_element
            );
            warn_of_others(&query);
            run.queries.push(query);
        }
    }
    Ok(runs)
}

/// A busy machine makes wall time meaningless, and processor time larger.
fn warn_of_others(query: &Query) {
    let others = query.other_cpu_seconds + query.stolen_cpu_seconds;
    let share = others / (query.wall_seconds * float(cores()));
    if share > OTHERS_SHARE_MAX {
        eprintln!(
            "warning: others took {:.0} % of the processors meanwhile",
            share * 100.0
        );
    }
}

/// One query, and the floor that was measured after it.
fn one_query(
    setup: &Setup,
    plan: Plan,
    question: Question,
    nodes: &Pair<Node>,
    kernel: &SharedKernel,
    floor_before: Floor,
) -> Outcome<(Query, Floor)> {
    let pids = [nodes.receiver.pid(), nodes.sender.pid()];
    let before = [Counters::of(pids[0])?, Counters::of(pids[1])?];
    if !pids.map(reset_peak).iter().all(|reset| *reset) {
        eprintln!("the peak of memory is that since the start of a node: to reset it takes root");
    }
    let disks =
        [&nodes.receiver, &nodes.sender].map(|node| FolderWatch::start(node.lists_folder()));
    let machine_before = machine_time()?;
    // The Receiver's last rows are the Sender's first.
    let shared = setup.rows.receiver - plan.shared..setup.rows.receiver;
    let (stats, wall) = setup.ask(&nodes.receiver, question, shared)?;
    wait_until_idle(pids)?;
    let machine_after = machine_time()?;
    let disks = disks.map(FolderWatch::peak_bytes);
    let nodes = Pair {
        receiver: before[0].used_since(pids[0], disks[0])?,
        sender: before[1].used_since(pids[1], disks[1])?,
    };
    let floor_after = Floor::measure(kernel, plan.floor_seconds)?;

    let Pair { receiver, sender } = setup.rows;
    let elements = float(receiver + sender);
    let bytes = |prefix: &str| {
        let sent = stats[format!("{prefix}_sent")].as_u64()?;
        let received = stats[format!("{prefix}_received")].as_u64()?;
        Some(float(sent + received) / elements)
    };
    let cpu = nodes.receiver.cpu_seconds + nodes.sender.cpu_seconds;
    let cpu_us_per_element = cpu * 1e6 / elements;
    let wall_seconds = wall.as_secs_f64();
    let floor = floor_before.mean(floor_after);
    let floor_us_per_element = floor.us_per_element(receiver, sender);
    let query = Query {
        wall_seconds,
        nodes,
        cpu_us_per_element,
        floor,
        floor_us_per_element,
        floor_ratio: cpu_us_per_element / floor_us_per_element,
        cores_busy: cpu / (wall_seconds * float(cores())),
        stream_bytes_per_element: bytes("bytes")
            .ok_or_else(|| Failure::other("the result document counts no bytes"))?,
        udp_bytes_per_element: bytes("udp_bytes"),
        other_cpu_seconds: (machine_after.busy - machine_before.busy - cpu).max(0.0),
        stolen_cpu_seconds: machine_after.stolen - machine_before.stolen,
    };
    Ok((query, floor_after))
}

/// A node's counters before a query.
struct Counters {
    cpu_seconds: f64,
    peak_rss_bytes: u64,
}

impl Counters {
    fn of(pid: u32) -> Outcome<Self> {
        Ok(Self {
            cpu_seconds: cpu_seconds(pid)?,
            peak_rss_bytes: peak_rss_bytes(pid)?,
        })
    }

    fn used_since(&self, pid: u32, peak_disk_bytes: u64) -> Outcome<NodeUse> {
        let now = Self::of(pid)?;
        Ok(NodeUse {
            cpu_seconds: now.cpu_seconds - self.cpu_seconds,
            peak_rss_bytes: now.peak_rss_bytes,
            life_peak_rss_bytes: now.peak_rss_bytes.max(self.peak_rss_bytes),
            peak_disk_bytes,
        })
    }
}

/// Waits until neither node uses the processor any more, so that the end of the job on the side
/// that did not ask is counted too.
fn wait_until_idle(pids: [u32; 2]) -> Outcome<()> {
    let used = || -> Outcome<f64> { Ok(cpu_seconds(pids[0])? + cpu_seconds(pids[1])?) };
    let started = Instant::now();
    let mut last = used()?;
    while started.elapsed() < SETTLE_MAX {
        sleep(SETTLE_STEP);
        let now = used()?;
        if (now - last).abs() < f64::EPSILON {
            break;
        }
        last = now;
    }
    Ok(())
}
