//! A stage, over how many threads it spreads, and the table of all.

/// Over how many threads a stage spreads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// All cores.
    Cores,
    /// All cores, if the table has as many files or row groups.
    Files,
    /// The threads for lists: one for four cores, at most eight, from eight cores on.
    Lists,
    /// One thread for each list.
    One,
}

impl Spread {
    const fn name(self) -> &'static str {
        match self {
            Self::Cores => "all cores",
            Self::Files => "files, row groups",
            Self::Lists => "threads for lists",
            Self::One => "one thread a list",
        }
    }

    /// The threads of a node with so many cores.
    fn threads(self, cores: u8) -> f64 {
        match self {
            Self::Cores | Self::Files => f64::from(cores),
            Self::Lists => f64::from((cores / 4).clamp(1, 8)),
            Self::One => 1.0,
        }
    }
}

/// One stage by itself.
pub(crate) struct Stage {
    what: &'static str,
    spread: Spread,
    nanos: f64,
}

impl Stage {
    /// A stage that takes `nanos` of processor time for each record.
    pub(crate) const fn new(what: &'static str, spread: Spread, nanos: f64) -> Self {
        Self {
            what,
            spread,
            nanos,
        }
    }
}

/// Prints the stages, with the rates that machines of more cores would reach.
pub(crate) fn print(stages: &[Stage]) {
    println!(
        "| stage | spreads over | ns a record | records/s, one thread | 8 cores | 16 cores | 32 cores |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for stage in stages {
        let on = |cores| stage.spread.threads(cores) * 1e3 / stage.nanos;
        println!(
            "| {} | {} | {:.1} | {:.2} M | {:.2} M | {:.2} M | {:.2} M |",
            stage.what,
            stage.spread.name(),
            stage.nanos,
            on(1),
            on(8),
            on(16),
            on(32)
        );
    }
}
