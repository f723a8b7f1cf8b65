//! Net weights, lengths, areas and volumes (AI 310n to 316n, and those in other than metric units).

use std::fmt;

/// A measure of the goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// `kg`, `m`, `m2`, `l`, `m3`, or one of other than metric units, such as `lb`.
    pub unit: &'static str,
    /// The number without its decimal point.
    pub digits: u32,
    /// How many of the digits are decimals.
    pub decimals: u8,
}

/// The units of each identifier without its last digit. Those of one that measures length, width or
/// depth are the same.
const UNITS: &str = "310kg 311m 312m 313m 314m2 315l 316m3 \
    320lb 321in 322ft 323yd 324in 325ft 326yd 327in 328ft 329yd \
    350in2 351ft2 352yd2 356ozt 357oz 360qt 361gal 364in3 365ft3 366yd3";

/// The units in which goods are weighed or measured.
const MEASURES: &str = "kg g mg t lb lbs oz ozt m mm cm dm km in ft yd \
    m2 m\u{b2} cm2 cm\u{b2} in2 ft2 yd2 l ml cl dl hl m3 m\u{b3} qt gal in3 ft3 yd3";

/// Whether goods that are counted in a unit are weighed or measured.
pub fn is_measure(unit: &str) -> bool {
    MEASURES.split(' ').any(|each| each.eq_ignore_ascii_case(unit))
}

impl Measure {
    /// The measure in an element; `None` for any other element.
    pub(super) fn of(ai: &str, value: &str) -> Option<Self> {
        let (kind, decimals) = ai.split_at_checked(3)?;
        let unit = UNITS.split(' ').find_map(|row| row.strip_prefix(kind))?;
        Some(Self { unit, digits: value.parse().ok()?, decimals: decimals.parse().ok()? })
    }

    /// Whether its unit is this one, as a catalogue writes it: `KG`, `m²`.
    pub(super) fn is_in(&self, unit: &str) -> bool {
        let plain = |char: char| match char {
            '²' => '2',
            '³' => '3',
            char => char.to_ascii_lowercase(),
        };
        unit.chars().map(plain).eq(self.unit.chars())
    }

    /// The measure as a whole number of the smallest part of its unit, if that part is a decimal
    /// with this many digits; `None` if the measure is more exact.
    pub fn with_decimals(self, decimals: u8) -> Option<u64> {
        let digits = u64::from(self.digits);
        let power = |exponent: u8| 10_u64.checked_pow(exponent.into());
        match decimals.checked_sub(self.decimals) {
            Some(more) => digits.checked_mul(power(more)?),
            None => {
                let divisor = power(self.decimals - decimals)?;
                digits.is_multiple_of(divisor).then_some(digits / divisor)
            }
        }
    }
}

impl fmt::Display for Measure {
    /// Writes `1.2505 kg`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, digits, decimals } = self;
        let divisor = 10_u64.pow((*decimals).into());
        let (whole, rest) = (u64::from(*digits) / divisor, u64::from(*digits) % divisor);
        match decimals {
            0 => write!(f, "{whole} {unit}"),
            _ => write!(f, "{whole}.{rest:0>width$} {unit}", width = usize::from(*decimals)),
        }
    }
}
