use std::collections::BTreeMap;
use std::num::NonZeroU64;

use psi_core::Code;

use super::{
    Amount, DebitState, Limits, Odometer, PeerLimit, Period, PopulationConfig, Populations,
    RunCounts, RunLimits, Usage, admit,
};

/// 2026-11-25, a Wednesday.
const NOW: i64 = 1_795_571_538;

fn epsilon(micro_epsilon: u64) -> Amount {
    Amount {
        micro_epsilon,
        delta_units: 0,
    }
}

fn population() -> PopulationConfig {
    let brand = PeerLimit {
        micro_epsilon: Some(400),
        delta_units: None,
    };
    PopulationConfig {
        limit: Amount {
            micro_epsilon: 1000,
            delta_units: 50,
        },
        refresh: Period::Month,
        per_peer: BTreeMap::from([("brand".to_owned(), brand)]),
    }
}

fn limits<'a>(population: Option<&'a PopulationConfig>, peer: &'a str) -> Limits<'a> {
    Limits {
        table: "customers",
        peer,
        runs: RunLimits {
            day: NonZeroU64::new(3),
            lifetime: NonZeroU64::new(100),
            ..RunLimits::NONE
        },
        population: population.map(|config| ("people", config)),
    }
}

fn used(spent: u64, reserved: u64, by_peer: u64) -> Usage {
    Usage {
        population: Odometer {
            spent: epsilon(spent),
            reserved: epsilon(reserved),
        },
        peer: Odometer {
            spent: epsilon(by_peer),
            reserved: Amount::ZERO,
        },
        ..Usage::default()
    }
}

#[test]
fn a_job_fits_up_to_the_last_millionth_and_not_beyond() {
    let population = population();
    let limits = limits(Some(&population), "shop");
    admit(&limits, &used(700, 200, 0), epsilon(100), NOW).unwrap();
    let refusal = admit(&limits, &used(700, 200, 0), epsilon(101), NOW).unwrap_err();
    assert_eq!(refusal.code, Code::BudgetExhausted);
    assert_eq!(refusal.rule, "population.people");
    for word in ["0.000101", "0.0001 of 0.001", "2026-12-01"] {
        assert!(refusal.sentence.contains(word), "{}", refusal.sentence);
    }
    assert!(admit(&limits, &used(0, 0, 0), epsilon(u64::MAX), NOW).is_err());
}

#[test]
fn delta_is_counted_beside_epsilon() {
    let population = population();
    let limits = limits(Some(&population), "shop");
    let costs = |delta_units| Amount {
        micro_epsilon: 1,
        delta_units,
    };
    admit(&limits, &Usage::default(), costs(50), NOW).unwrap();
    let refusal = admit(&limits, &Usage::default(), costs(51), NOW).unwrap_err();
    assert!(refusal.sentence.contains("delta"), "{}", refusal.sentence);
}

#[test]
fn the_stricter_of_the_limits_of_population_and_peer_holds() {
    let population = population();
    let limits = limits(Some(&population), "brand");
    admit(&limits, &used(300, 0, 300), epsilon(100), NOW).unwrap();
    let refusal = admit(&limits, &used(300, 0, 300), epsilon(101), NOW).unwrap_err();
    assert_eq!(refusal.rule, "population.people.per_peer.brand");
    let refusal = admit(&limits, &used(950, 0, 300), epsilon(60), NOW).unwrap_err();
    assert_eq!(refusal.rule, "population.people");
}

#[test]
fn a_peer_without_a_limit_of_its_own_has_half_of_what_several_collaborations_share() {
    let population = population();
    let shop = limits(Some(&population), "shop");
    let shared = |reserved, by_peer| Usage {
        shared: true,
        peer: Odometer {
            spent: epsilon(by_peer),
            reserved: epsilon(reserved),
        },
        held: epsilon(reserved),
        ..used(by_peer, reserved, 0)
    };
    admit(&shop, &shared(0, 300), epsilon(200), NOW).unwrap();
    let refusal = admit(&shop, &shared(0, 300), epsilon(201), NOW).unwrap_err();
    assert_eq!(refusal.code, Code::BudgetExhausted);
    assert_eq!(refusal.rule, "population.people.per_peer.shop");
    for word in ["half", "0.0002 of 0.0005", "2026-12-01"] {
        assert!(refusal.sentence.contains(word), "{}", refusal.sentence);
    }
    // Of that half, jobs that run at once hold half.
    admit(&shop, &shared(150, 0), epsilon(100), NOW).unwrap();
    let refusal = admit(&shop, &shared(150, 0), epsilon(101), NOW).unwrap_err();
    assert!(
        refusal.sentence.contains("0.0001 of 0.00025"),
        "{}",
        refusal.sentence
    );
    assert!(
        refusal.remedy.contains("per_peer.shop"),
        "{}",
        refusal.remedy
    );
    // A member to which the owner gave a limit has that limit, however many others there are.
    let brand = limits(Some(&population), "brand");
    admit(&brand, &shared(300, 0), epsilon(100), NOW).unwrap();
    // What costs nothing passes.
    admit(&shop, &shared(0, 5000), Amount::ZERO, NOW).unwrap();
}

#[test]
fn a_table_that_says_nothing_of_runs_is_used_fifty_times_a_day_and_one_that_says_none_without_end()
{
    let silent = Limits {
        runs: RunLimits::unless_said(),
        ..limits(None, "shop")
    };
    let with = |runs| Usage {
        runs: RunCounts(runs),
        ..Usage::default()
    };
    admit(&silent, &with([49, 300, 300, 300]), Amount::ZERO, NOW).unwrap();
    let refusal = admit(&silent, &with([50, 50, 50, 50]), Amount::ZERO, NOW).unwrap_err();
    assert_eq!(refusal.rule, "table.customers.runs.day");
    let unlimited = Limits {
        runs: RunLimits::NONE,
        ..silent
    };
    admit(&unlimited, &with([5000; 4]), Amount::ZERO, NOW).unwrap();
    // Neither needs an account of earlier days.
    assert!(!silent.any() && !unlimited.any());
    assert!(limits(None, "shop").any());
}

#[test]
fn a_cost_without_a_population_is_refused_and_no_cost_needs_none() {
    admit(&limits(None, "shop"), &Usage::default(), Amount::ZERO, NOW).unwrap();
    let refusal = admit(&limits(None, "shop"), &Usage::default(), epsilon(1), NOW).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.rule.as_str()),
        (Code::BudgetExhausted, "table.customers.population")
    );
}

#[test]
fn an_overdrawn_account_still_lets_pass_what_costs_nothing() {
    let population = population();
    let limits = limits(Some(&population), "brand");
    admit(&limits, &used(5000, 0, 5000), Amount::ZERO, NOW).unwrap();
    assert!(admit(&limits, &used(5000, 0, 5000), epsilon(1), NOW).is_err());
    assert_eq!(
        used(5000, 0, 0)
            .population
            .left(population.limit)
            .micro_epsilon,
        0
    );
}

#[test]
fn runs_are_counted_in_the_periods_of_the_present_time() {
    let mut runs = RunCounts::default();
    let day = 86_400;
    // Today, Monday, last Sunday, last month.
    for unix in [NOW, NOW - 2 * day, NOW - 3 * day, NOW - 30 * day] {
        runs.count(unix, NOW);
    }
    assert_eq!(runs, RunCounts([1, 2, 3, 4]));
}

#[test]
fn the_last_allowed_run_is_allowed_and_the_next_period_is_named() {
    let limits = limits(None, "brand");
    let with = |runs| Usage {
        runs: RunCounts(runs),
        ..Usage::default()
    };
    admit(&limits, &with([2, 50, 90, 99]), Amount::ZERO, NOW).unwrap();
    let refusal = admit(&limits, &with([3, 3, 3, 3]), Amount::ZERO, NOW).unwrap_err();
    assert_eq!(refusal.code, Code::RunsExhausted);
    assert_eq!(refusal.rule, "table.customers.runs.day");
    for word in ["3 of 3", "brand", "2026-11-26"] {
        assert!(refusal.sentence.contains(word), "{}", refusal.sentence);
    }
    let refusal = admit(&limits, &with([0, 0, 0, 100]), Amount::ZERO, NOW).unwrap_err();
    assert_eq!(refusal.rule, "table.customers.runs.lifetime");
    assert!(refusal.sentence.contains("never"), "{}", refusal.sentence);
}

#[test]
fn a_returned_debit_counts_nothing_and_one_that_a_crash_left_counts_as_spent() {
    let mut odometer = Odometer::default();
    for state in DebitState::ALL {
        odometer.count(state, epsilon(5));
    }
    assert_eq!(
        (odometer.spent, odometer.reserved),
        (epsilon(10), epsilon(5))
    );
    odometer.count(DebitState::Committed, epsilon(u64::MAX));
    assert_eq!(odometer.total(), epsilon(u64::MAX));
}

#[derive(Debug, serde::Deserialize)]
struct File {
    population: Populations,
}

fn parse(text: &str) -> Result<Populations, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.population)
}

#[test]
fn the_documented_section_parses_in_every_notation_of_its_numbers() {
    let written = parse(
        "[population.people]\nepsilon = 10.0\ndelta = 1e-6\nrefresh = \"month\"\n\
         per_peer = { brand = { epsilon = 2.0 } }\n",
    )
    .unwrap();
    let people = &written["people"];
    assert_eq!(people.limit.micro_epsilon, 10_000_000);
    assert_eq!(people.limit.delta_units, 18_446_744_073_709);
    assert_eq!(people.refresh, Period::Month);
    assert_eq!(
        people.per_peer["brand"].within(people.limit),
        Amount {
            micro_epsilon: 2_000_000,
            ..people.limit
        }
    );
    let also = parse("[population.people]\nepsilon = 10\ndelta = \"0.000001\"\n").unwrap();
    assert_eq!(also["people"].limit, people.limit);
    assert_eq!(also["people"].refresh, Period::Never);
}

#[test]
fn numbers_that_are_no_limits_are_refused_where_they_stand() {
    let section = "[population.people]\n";
    for (lines, word, at) in [
        ("epsilon = 0.0\ndelta = 1e-6\n", "zero", "0.0"),
        ("epsilon = -1.0\ndelta = 1e-6\n", "positive", "-1.0"),
        ("epsilon = nan\ndelta = 1e-6\n", "positive", "nan"),
        ("epsilon = 1e-7\ndelta = 1e-6\n", "too small", "1e-7"),
        ("epsilon = 1e15\ndelta = 1e-6\n", "too large", "1e15"),
        ("epsilon = 1.0\ndelta = 0.5\n", "below 0.5", "0.5"),
        ("epsilon = 1.0\ndelta = 1.0\n", "below 0.5", "1.0\n"),
        ("epsilon = true\ndelta = 1e-6\n", "positive", "true"),
    ] {
        let text = format!("{section}{lines}");
        let error = parse(&text).unwrap_err();
        assert!(error.message().contains(word), "{lines}: {error}");
        let span = error.span().unwrap();
        assert!(text[span.start..].starts_with(at), "{lines}: {error}");
    }
}

#[test]
fn a_limit_of_a_peer_that_is_looser_or_mistyped_is_refused() {
    for (line, word) in [
        (
            "per_peer = { brand = { epsilon = 11 } }",
            "per_peer.brand.epsilon",
        ),
        (
            "per_peer = { brand = { delta = 1e-3 } }",
            "per_peer.brand.delta",
        ),
        ("per_peer = { brand = { eps = 1 } }", "unknown field"),
        ("refresh = \"year\"", "unknown variant"),
        ("refreshes = \"day\"", "unknown field"),
    ] {
        let text = format!("[population.people]\nepsilon = 10\ndelta = 1e-6\n{line}\n");
        let error = parse(&text).unwrap_err();
        assert!(error.message().contains(word), "{line}: {error}");
        assert!(error.span().is_some(), "{line}");
    }
}
