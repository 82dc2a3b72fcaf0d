//! The statistics of the random tests: chi-square, and the interval of Clopper and Pearson.

/// How far a chi-square statistic is above its mean, in standard deviations of a normal variable
/// (Wilson and Hilferty 1931). Cells that expect fewer than ten draws are merged with their
/// neighbours.
pub(super) fn chi_square_sigmas(counts: &[f64], probabilities: &[f64]) -> f64 {
    assert_eq!(counts.len(), probabilities.len());
    let draws: f64 = counts.iter().sum();
    let mut cells: Vec<(f64, f64)> = Vec::new();
    let (mut seen, mut expected) = (0.0, 0.0);
    for (count, probability) in counts.iter().zip(probabilities) {
        seen += count;
        expected += probability * draws;
        if expected >= 10.0 {
            cells.push((seen, expected));
            (seen, expected) = (0.0, 0.0);
        }
    }
    let last = cells.last_mut().expect("there are many draws");
    *last = (last.0 + seen, last.1 + expected);
    let statistic: f64 = cells.iter().map(|(s, e)| (s - e).powi(2) / e).sum();
    let freedom = number(cells.len()) - 1.0;
    let spread = 2.0 / (9.0 * freedom);
    ((statistic / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

/// The probability below which a share of `successes` of `trials` would be as high as it is with
/// probability `alpha` or less.
pub(crate) fn lower_bound(successes: usize, trials: usize, alpha: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    // P(X >= k) = I_p(k, n - k + 1), which rises with p.
    let (k, n) = (number(successes), number(trials));
    bisect(|p| incomplete_beta(p, k, n - k + 1.0) < alpha)
}

/// The probability above which a share of `successes` of `trials` would be as low as it is with
/// probability `alpha` or less.
pub(crate) fn upper_bound(successes: usize, trials: usize, alpha: f64) -> f64 {
    1.0 - lower_bound(trials - successes, trials, alpha)
}

/// A number for the arithmetic of the tests.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}

/// Where `below` changes from true to false between 0 and 1.
fn bisect(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The regularised incomplete beta function `I_x(a, b)`, by its continued fraction (Lentz's method).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    let tiny = 1e-300;
    let away = |value: f64| if value.abs() < tiny { tiny } else { value };
    let mut ratio = 1.0;
    let mut inverse = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut result = inverse;
    for step in (1..100_000).map(number) {
        let place = a + 2.0 * step;
        let even = step * (b - step) * x / ((place - 1.0) * place);
        let odd = -(a + step) * (a + b + step) * x / (place * (place + 1.0));
        let mut change = 1.0_f64;
        for term in [even, odd] {
            inverse = 1.0 / away(1.0 + term * inverse);
            ratio = away(1.0 + term / ratio);
            change = ratio * inverse;
            result *= change;
        }
        if (change - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front.exp() * result / a
}

/// The logarithm of the gamma function, by Stirling's series from ten on.
fn ln_gamma(x: f64) -> f64 {
    if x < 10.0 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series
}

#[test]
fn the_interval_is_the_published_one() {
    // Two-sided 95 %, four decimals; the last row follows from 1 - 0.025^(1/10).
    let rows = [
        (3, 20, 0.025, 0.0321, 0.3789),
        (42, 100, 0.025, 0.3220, 0.5229),
        (12, 30, 0.05, 0.2495, 0.5661),
        (85, 120, 0.005, 0.5904, 0.8092),
        (0, 10, 0.025, 0.0, 0.3085),
    ];
    for (successes, trials, alpha, low, high) in rows {
        let found = lower_bound(successes, trials, alpha);
        assert!((found - low).abs() < 6e-5, "{successes}/{trials}: {found}");
        let found = upper_bound(successes, trials, alpha);
        assert!((found - high).abs() < 6e-5, "{successes}/{trials}: {found}");
    }
}

#[test]
fn chi_square_sees_a_die_that_is_loaded_by_a_hundredth() {
    let fair = [1.0 / 6.0; 6];
    let throws = |p: [f64; 6]| p.map(|p| p * 1e6);
    assert!(chi_square_sigmas(&throws(fair), &fair) < 0.0);
    let mut loaded = fair;
    loaded[0] *= 1.01;
    loaded[5] *= 0.99;
    assert!(chi_square_sigmas(&throws(loaded), &fair) > 3.0);
}
