//! Products of five-limb numbers from multiply-adds of 52 bits.
//!
//! The instruction adds either the low or the high 52 bits of a product. So a product of two limbs
//! has a low part, of its own column, and a high part of weight 2^52, twice that of the next
//! column. High parts are added up first and doubled once.
//!
//! Where the product of limb `j` of the second factor belongs to a column above the fourth, that
//! limb is a multiple of 2^255, and is taken 19 times. That has 57 bits, too many for a factor. So
//! `19 b_j = w_j + 2^51 h_j` is split beforehand, and `h_j` joins the factor of the next column.
//! With `v_j = w_j + h_(j-1)`, the factors of limb `i` of the first number are:
//!
//! ```text
//! column    0    1         2         3         4
//! a_0       b_0  b_1       b_2       b_3       b_4
//! a_1       w_4  b_0 + h_4 b_1       b_2       b_3
//! a_2       w_3  v_4       b_0 + h_4 b_1       b_2
//! a_3       w_2  v_3       v_4       b_0 + h_4 b_1
//! a_4       w_1  v_2       v_3       v_4       b_0 + h_4
//! ```
//!
//! `h_j` is 37 at most, and `b_0` at most `2 p_0 = 2^52 - 38`: all these factors have 52 bits.
//!
//! Column bound: a part is below 2^52. Column 0 is the largest, with five low parts and 38 times the
//! five high parts of column 4: 195 parts. The bound of a column, 2^60, is 256.
//!
//! # Discussion
//! Only the second factor is split, and the split is the same for all products with that factor in
//! one function, which the compiler sees. So callers put the common factor second.
//!
//! Times 19 is a multiplication of 64 bits. It costs what a multiply-add costs on AMD and more on
//! Intel, where two multiply-adds, one for each half, would be a little cheaper by count.

use super::super::super::lanes::IntegerLanes;
use super::super::{LIMB_MASK, LIMBS, each, pairs};

/// The lowest 52 bits.
const LOW_52: u64 = (1 << 52) - 1;

/// `19 b = w + 2^51 h`.
#[inline(always)]
fn split<L: IntegerLanes>(b: L) -> (L, L) {
    let nineteen = b.mul(L::splat(19));
    (
        nineteen.and(L::splat(LIMB_MASK)),
        nineteen.shift_right::<51>(),
    )
}

/// `19 b = l + 2^52 h`.
#[inline(always)]
fn split_52<L: IntegerLanes>(b: L) -> (L, L) {
    let nineteen = b.mul(L::splat(19));
    (nineteen.and(L::splat(LOW_52)), nineteen.shift_right::<52>())
}

/// Adds the low parts of `a` times each of the factors to their columns.
#[inline(always)]
fn add_low<L: IntegerLanes>(columns: &mut [L; LIMBS], a: L, factors: &[L; LIMBS]) {
    *columns = pairs(
        columns,
        factors,
        #[inline(always)]
        |column, factor| column.add_product_low(a, factor),
    );
}

/// Adds the high parts of `a` times each of the factors to their columns.
#[inline(always)]
fn add_high<L: IntegerLanes>(columns: &mut [L; LIMBS], a: L, factors: &[L; LIMBS]) {
    *columns = pairs(
        columns,
        factors,
        #[inline(always)]
        |column, factor| column.add_product_high(a, factor),
    );
}

/// Twice the sums of the high parts, each moved to the next column.
#[inline(always)]
fn doubled_and_moved<L: IntegerLanes>(high: &[L; LIMBS]) -> [L; LIMBS] {
    [
        high[4].mul(L::splat(38)),
        high[0].add(high[0]),
        high[1].add(high[1]),
        high[2].add(high[2]),
        high[3].add(high[3]),
    ]
}

/// `a * b` as five columns.
#[inline(always)]
pub(super) fn mul<L: IntegerLanes>(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
    let (w1, h1) = split(b[1]);
    let (w2, h2) = split(b[2]);
    let (w3, h3) = split(b[3]);
    let (w4, h4) = split(b[4]);
    let (v2, v3, v4) = (w2.add(h1), w3.add(h2), w4.add(h3));
    let b0 = b[0].add(h4);
    let rows = [
        [b[0], b[1], b[2], b[3], b[4]],
        [w4, b0, b[1], b[2], b[3]],
        [w3, v4, b0, b[1], b[2]],
        [w2, v3, v4, b0, b[1]],
        [w1, v2, v3, v4, b0],
    ];
    let mut high = [L::splat(0); LIMBS];
    add_high(&mut high, a[0], &rows[0]);
    add_high(&mut high, a[1], &rows[1]);
    add_high(&mut high, a[2], &rows[2]);
    add_high(&mut high, a[3], &rows[3]);
    add_high(&mut high, a[4], &rows[4]);
    let mut columns = doubled_and_moved(&high);
    add_low(&mut columns, a[0], &rows[0]);
    add_low(&mut columns, a[1], &rows[1]);
    add_low(&mut columns, a[2], &rows[2]);
    add_low(&mut columns, a[3], &rows[3]);
    add_low(&mut columns, a[4], &rows[4]);
    checked(&columns)
}

/// `a * a` as five columns.
///
/// Products of different limbs are taken once and doubled. `19 a_3^2` and `19 a_4^2` are squares,
/// not such products. But if their factor is split at 52 bits, its high half is doubled like one of
/// them, and joins one.
#[inline(always)]
pub(super) fn square<L: IntegerLanes>(a: &[L; LIMBS]) -> [L; LIMBS] {
    let (w3, h3) = split(a[3]);
    let (w4, h4) = split(a[4]);
    let (l3, g3) = split_52(a[3]);
    let (l4, g4) = split_52(a[4]);
    let a0 = a[0].add(h4);
    // One factor pair for each column, of products to be doubled, twice, and of squares.
    let crossed = [
        [
            (a[1], w4),
            (a[1], a0),
            (a[2], a0),
            (a[3], a0),
            (a[4], a[0].add(g4)),
        ],
        [
            (a[2], w3),
            (a[2], w4.add(h3)),
            (a[3], w4.add(g3)),
            (a[1], a[2]),
            (a[1], a[3]),
        ],
    ];
    let squares = [
        (a[0], a[0]),
        (a[3], l3),
        (a[1], a[1]),
        (a[4], l4),
        (a[2], a[2]),
    ];
    let zero = [L::splat(0); LIMBS];
    let high = with_high(&with_high(&zero, &crossed[0]), &crossed[1]);
    let high = with_high(&each(&high, double), &squares);
    // Column 0 waits for the doubling below.
    let moved = [
        high[4].mul(L::splat(19)),
        high[0],
        high[1],
        high[2],
        high[3],
    ];
    let columns = with_low(&with_low(&moved, &crossed[0]), &crossed[1]);
    checked(&with_low(&each(&columns, double), &squares))
}

#[inline(always)]
fn double<L: IntegerLanes>(a: L) -> L {
    a.add(a)
}

/// Columns and the low part of one product each.
#[inline(always)]
fn with_low<L: IntegerLanes>(columns: &[L; LIMBS], products: &[(L, L); LIMBS]) -> [L; LIMBS] {
    let [c0, c1, c2, c3, c4] = *columns;
    let [p0, p1, p2, p3, p4] = *products;
    [
        c0.add_product_low(p0.0, p0.1),
        c1.add_product_low(p1.0, p1.1),
        c2.add_product_low(p2.0, p2.1),
        c3.add_product_low(p3.0, p3.1),
        c4.add_product_low(p4.0, p4.1),
    ]
}

/// Columns and the high part of one product each.
///
/// They are needed in this order: with it a multiplication of a point takes 1 % less time.
#[inline(always)]
fn with_high<L: IntegerLanes>(columns: &[L; LIMBS], products: &[(L, L); LIMBS]) -> [L; LIMBS] {
    let [c0, c1, c2, c3, c4] = *columns;
    let [p0, p1, p2, p3, p4] = *products;
    [
        c0.add_product_high(p0.0, p0.1).opaque(),
        c1.add_product_high(p1.0, p1.1).opaque(),
        c2.add_product_high(p2.0, p2.1).opaque(),
        c3.add_product_high(p3.0, p3.1).opaque(),
        c4.add_product_high(p4.0, p4.1).opaque(),
    ]
}

/// The columns; a model checks that they are within the bound of one product.
#[inline(always)]
fn checked<L: IntegerLanes>(columns: &[L; LIMBS]) -> [L; LIMBS] {
    for column in columns {
        column.check_at_most(196 << 52);
    }
    *columns
}
