//! Standard deviation and 95 % interval of noise, for display.
//!
//! README.md §7. Previews and results call this. Only this file of the module uses floats; nothing
//! that is drawn, sent or charged depends on them.

/// The confidence that [`Uncertainty::half_width_95`] is made for.
const CONFIDENCE: f64 = 0.95;

/// The most noises that one released number has for the exact interval.
const NOISES_EXACT: usize = 4;

/// Scales that differ by less than this factor are treated as differing by it.
const APART: f64 = 1.0 + 1.0 / 1024.0;

/// How far one noise strays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    scale: f64,
    std_dev: f64,
}

impl Spread {
    /// Noise whose tails fall like those of the Laplace distribution with `scale`, or faster.
    pub(super) const fn new(scale: f64, std_dev: f64) -> Self {
        Self { scale, std_dev }
    }

    /// The standard deviation.
    #[must_use]
    pub const fn std_dev(self) -> f64 {
        self.std_dev
    }

    /// The scale of the Laplace distribution that bounds its tails: sensitivity / epsilon.
    #[must_use]
    pub const fn scale(self) -> f64 {
        self.scale
    }
}

/// How far a released number may be from the true one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uncertainty {
    /// The standard deviation of the released number.
    pub std_dev: f64,
    /// The true number is within this distance of the released one in 95 of 100 releases or more.
    pub half_width_95: f64,
}

impl Uncertainty {
    /// The uncertainty of a number to which independent noises of these spreads were added. Noise
    /// that is not centred at zero counts less its centre.
    #[must_use]
    pub fn of(noises: &[Spread]) -> Self {
        let variances = noises.iter().map(|noise| noise.std_dev.powi(2));
        let variance = variances.fold(0.0, |sum, variance| sum + variance);
        let half_width = if noises.is_empty() {
            0.0
        } else if noises.len() <= NOISES_EXACT {
            quantile(&apart(noises))
        } else {
            // Chebyshev's inequality.
            (variance / (1.0 - CONFIDENCE)).sqrt()
        };
        Self {
            std_dev: variance.sqrt(),
            // Noise is a whole number, so a fractional distance holds as much as the whole one
            // below.
            half_width_95: half_width.ceil(),
        }
    }
}

/// The scales in ascending order, none within a factor [`APART`] of another; they only grow.
fn apart(noises: &[Spread]) -> Vec<f64> {
    let mut scales: Vec<f64> = noises.iter().map(|noise| noise.scale).collect();
    scales.sort_by(f64::total_cmp);
    let mut below = 0.0_f64;
    for scale in &mut scales {
        *scale = scale.max(below * APART);
        below = *scale;
    }
    scales
}

/// The distance that the sum of independent Laplace variables stays within at [`CONFIDENCE`].
fn quantile(scales: &[f64]) -> f64 {
    // The characteristic function of the sum is the product of 1/(1 + s^2 w^2) over the scales s,
    // all different; its partial fractions are Laplace distributions again.
    let share = |i: usize, scale: f64| -> f64 {
        let others = scales.iter().enumerate().filter(|(k, _)| *k != i);
        let factors = others.map(|(_, other)| 1.0 / (1.0 - (other / scale).powi(2)));
        factors.product()
    };
    let scales_in_order = scales.iter().copied().enumerate();
    let shares: Vec<(f64, f64)> = scales_in_order
        .map(|(i, scale)| (scale, share(i, scale)))
        .collect();
    let beyond = |t: f64| -> f64 { shares.iter().map(|(s, share)| share * (-t / s).exp()).sum() };
    let (mut low, mut high) = (0.0, 64.0 * scales.iter().sum::<f64>());
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if beyond(middle) > 1.0 - CONFIDENCE {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// A whole number for the arithmetic of this file.
#[expect(
    clippy::cast_precision_loss,
    reason = "for people; sixteen digits are enough"
)]
pub(super) const fn float(value: u64) -> f64 {
    value as f64
}

/// A fraction in units of 2^-128 for the arithmetic of this file.
#[expect(
    clippy::cast_precision_loss,
    reason = "for people; sixteen digits are enough"
)]
pub(super) fn fraction(value: u128) -> f64 {
    value as f64 / 2_f64.powi(128)
}
