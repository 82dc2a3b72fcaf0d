//! Checks a job's components before it is agreed on, so that no sum can wrap.
//!
//! Spec 11 §9. Both sides call it when they make a job specification, on public numbers alone.

use crate::error::Error;
use crate::limits;

/// The bounds of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentBound {
    /// The largest absolute value that one position can hold.
    pub per_identity: u64,
    /// The largest absolute value of all noise on the sum, both sides together; 0 without noise.
    pub noise: u64,
}

/// A component whose sum could leave the range of signed 64-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "component {component} can reach {reach}, and a sum must stay below 2^63 = {}: lower the \
     bounds of its column, its decimal scale, or the rows per identity",
    1_u128 << 63
)]
pub struct ComponentOverflow {
    /// The number of the component, from 0.
    pub component: usize,
    /// `positions * per_identity + noise`.
    pub reach: u128,
}

/// Checks `positions * per_identity + noise < 2^63` for each component.
///
/// # Errors
/// The first [`ComponentOverflow`].
///
/// # Discussion
/// The arithmetic is in 128 bits, where no input can wrap: `(2^64 - 1)^2 + 2^64 - 1 < 2^128`.
pub fn check_components(
    positions: u64,
    components: &[ComponentBound],
) -> Result<(), ComponentOverflow> {
    for (component, bound) in components.iter().enumerate() {
        let reach =
            u128::from(positions) * u128::from(bound.per_identity) + u128::from(bound.noise);
        if reach >= 1 << 63 {
            return Err(ComponentOverflow { component, reach });
        }
    }
    Ok(())
}

/// The number of components, in the type that a transfer takes.
///
/// # Errors
/// [`Error::ApiMisuse`] if `components` is empty; [`Error::Limit`] beyond
/// [`limits::TRANSFER_COMPONENTS_MAX`].
pub fn component_count(components: &[ComponentBound]) -> Result<u16, Error> {
    if components.is_empty() {
        return Err(Error::ApiMisuse("a transfer of nothing"));
    }
    u16::try_from(components.len())
        .ok()
        .filter(|_| components.len() <= limits::TRANSFER_COMPONENTS_MAX)
        .ok_or(Error::Limit {
            what: "the number of components",
            value: components.len() as u64,
            limit: limits::TRANSFER_COMPONENTS_MAX as u64,
        })
}

#[cfg(test)]
mod tests {
    use super::{ComponentBound, ComponentOverflow, check_components, component_count};
    use crate::error::Error;
    use proptest::prelude::*;

    const MAX: u64 = (1 << 63) - 1;

    fn bound(per_identity: u64, noise: u64) -> ComponentBound {
        ComponentBound {
            per_identity,
            noise,
        }
    }

    #[test]
    fn the_edge_is_exact() {
        for (positions, per_identity, noise) in [
            (1, MAX, 0),
            (MAX, 1, 0),
            (1, 0, MAX),
            (0, u64::MAX, MAX),
            (7, MAX / 7, MAX % 7),
            (1 << 31, 1 << 31, MAX / 2),
        ] {
            let fits = bound(per_identity, noise);
            assert_eq!(check_components(positions, &[fits]), Ok(()), "{fits:?}");
        }
        for (positions, per_identity, noise) in [
            (1, MAX + 1, 0),
            (MAX + 1, 1, 0),
            (1, 0, MAX + 1),
            (7, MAX / 7, MAX % 7 + 1),
            (1 << 32, 1 << 31, 0),
        ] {
            let found = check_components(positions, &[bound(0, 0), bound(per_identity, noise)]);
            let reach = 1 << 63;
            assert_eq!(
                found,
                Err(ComponentOverflow {
                    component: 1,
                    reach
                })
            );
        }
    }

    #[test]
    fn the_largest_inputs_do_not_wrap() {
        let found = check_components(u64::MAX, &[bound(u64::MAX, u64::MAX)]);
        let reach = u128::from(u64::MAX) * u128::from(u64::MAX) + u128::from(u64::MAX);
        assert_eq!(
            found,
            Err(ComponentOverflow {
                component: 0,
                reach
            })
        );
    }

    #[test]
    fn the_error_names_the_component_and_the_figure() {
        let error = check_components(10, &[bound(1, 1), bound(MAX, 5)]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("component 1"), "{text}");
        assert!(text.contains("92233720368547758075"), "{text}");
        assert!(text.contains("9223372036854775808"), "{text}");
    }

    #[test]
    fn at_most_256_components_and_at_least_one() {
        let one = bound(1, 0);
        assert_eq!(component_count(&vec![one; 256]).unwrap(), 256);
        assert_eq!(component_count(&[one]).unwrap(), 1);
        assert!(matches!(component_count(&[]), Err(Error::ApiMisuse(_))));
        let error = component_count(&vec![one; 257]).unwrap_err();
        assert!(matches!(
            error,
            Error::Limit {
                value: 257,
                limit: 256,
                ..
            }
        ));
    }

    proptest! {
        #[test]
        fn the_check_agrees_with_long_division(
            positions in any::<u64>(),
            per_identity in any::<u64>(),
            noise in any::<u64>(),
        ) {
            // The same without a product: per_identity <= (2^63 - 1 - noise) / positions.
            let fits = noise <= MAX
                && (positions == 0 || per_identity <= (MAX - noise) / positions);
            prop_assert_eq!(
                check_components(positions, &[bound(per_identity, noise)]).is_ok(),
                fits
            );
        }
    }
}
