//! What Linux tells about a process and about the machine: `/proc`.
//!
//! Times in `/proc` are in ticks of 10 ms; the kernel keeps them exact below and rounds down, so a
//! figure is at most 20 ms short.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::size::float;

/// Clock ticks per second in `/proc`; fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// Time between two looks at a folder.
const FOLDER_STEP: Duration = Duration::from_millis(100);

/// User and system time of all threads that a process has or had, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name is in brackets and may hold spaces; the fields after it do not.
    let (_, fields) = line
        .rsplit_once(')')
        .ok_or_else(|| Failure::other("no process name in /proc/PID/stat"))?;
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map_while(|field| field.parse().ok())
        .collect();
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// The largest resident memory since the process started or since [`reset_peak`].
pub(crate) fn peak_rss_bytes(pid: u32) -> Outcome<u64> {
    Ok(number_after(&format!("/proc/{pid}/status"), "VmHWM:")? * 1024)
}

/// Makes [`peak_rss_bytes`] start again at what is resident now; `false` where the system does not
/// let this process do that. A node hides its memory from its own user, so this needs root there;
/// else the peak is that since the node started.
pub(crate) fn reset_peak(pid: u32) -> bool {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok()
}

fn number_after(file: &str, name: &str) -> Outcome<u64> {
    let text = fs::read_to_string(file)?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .ok_or_else(|| Failure::other(format!("no {name} in {file}")))
}

/// The most that a folder holds between the start of this measurement and its end, looked at ten
/// times a second.
pub(crate) struct FolderWatch {
    stop: Sender<()>,
    watching: JoinHandle<u64>,
}

impl FolderWatch {
    pub(crate) fn start(folder: PathBuf) -> Self {
        let (stop, stopped) = mpsc::channel();
        let mut peak = folder_bytes(&folder);
        let watching = thread::spawn(move || {
            while stopped.recv_timeout(FOLDER_STEP) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(folder_bytes(&folder));
            }
            peak
        });
        Self { stop, watching }
    }

    pub(crate) fn peak_bytes(self) -> u64 {
        drop(self.stop);
        self.watching.join().unwrap_or(0)
    }
}

/// Bytes of all files below a folder. Files may come and go meanwhile.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Processor time of the whole machine so far, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachineTime {
    /// Of all processes and the system.
    pub(crate) busy: f64,
    /// That the host gave to other guests while this one had something to do.
    pub(crate) stolen: f64,
}

pub(crate) fn machine_time() -> Outcome<MachineTime> {
    let text = fs::read_to_string("/proc/stat")?;
    let ticks: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .map_while(|field| field.parse().ok())
        .collect();
    let &[user, nice, system, _idle, _wait, irq, softirq, steal, ..] = ticks.as_slice() else {
        return Err(Failure::other("no processor times in /proc/stat"));
    };
    Ok(MachineTime {
        busy: float(user + nice + system + irq + softirq) / TICKS_PER_SECOND,
        stolen: float(steal) / TICKS_PER_SECOND,
    })
}

/// The machine that a measurement ran on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) cpu: String,
    /// Processors that this process may use.
    pub(crate) cores: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) system: String,
    /// Runnable tasks in the last minute, when the program started.
    pub(crate) load_average: f64,
}

impl Machine {
    pub(crate) fn this() -> Outcome<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        // The name alone says little in a virtual machine; family and model say which processor.
        let field = |name: &str| {
            cpuinfo
                .lines()
                .find_map(|line| Some(line.strip_prefix(name)?.split_once(':')?.1.trim()))
        };
        let name = field("model name").unwrap_or("unknown");
        let cpu = match (field("cpu family"), field("model\t")) {
            (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
            _ => name.to_owned(),
        };
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let load = fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            cpu,
            cores: cores(),
            memory_bytes: number_after("/proc/meminfo", "MemTotal:")? * 1024,
            system: format!("Linux {}", release.trim()),
            load_average: load
                .split_whitespace()
                .next()
                .and_then(|number| number.parse().ok())
                .unwrap_or(0.0),
        })
    }
}

/// Processors that this process may use.
pub(crate) fn cores() -> u64 {
    thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::process;

    use super::*;

    #[test]
    fn the_own_process_uses_time_and_memory() {
        let pid = process::id();
        let before = cpu_seconds(pid).unwrap();
        let mut n = 0_u64;
        while cpu_seconds(pid).unwrap() < before + 0.05 {
            n = black_box(n.wrapping_add(1));
        }
        assert!(machine_time().unwrap().busy > 0.0);
        let held = black_box(vec![1_u8; 64 << 20]);
        let peak = peak_rss_bytes(pid).unwrap();
        assert!(peak > 64 << 20);
        drop(held);
        if reset_peak(pid) {
            assert!(peak_rss_bytes(pid).unwrap() < peak);
        }
    }

    #[test]
    fn the_largest_size_of_a_folder_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("list"), [0; 1000]).unwrap();
        fs::write(folder.path().join("list"), [0; 234]).unwrap();
        let watch = FolderWatch::start(folder.path().to_owned());
        fs::remove_dir_all(inner).unwrap();
        assert_eq!(watch.peak_bytes(), 1234);
        assert_eq!(
            FolderWatch::start(folder.path().join("none")).peak_bytes(),
            0
        );
    }

    #[test]
    fn the_machine_has_a_name_and_memory() {
        let machine = Machine::this().unwrap();
        assert!(machine.cores > 0 && machine.memory_bytes > 0 && !machine.cpu.is_empty());
    }
}
