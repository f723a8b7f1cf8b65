//! Sizes in the units that people read.

use std::fmt::{Display, Formatter, Result};

/// A number of bytes: `512 bytes`, `8 MiB`, `1.5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Display for Bytes {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        let Self(bytes) = *self;
        if bytes < 1 << 10 {
            return write!(to, "{bytes} bytes");
        }
        let mut unit = (bytes.ilog2() / 10).min(UNITS.len() as u32);
        // 1,023.99 KiB are 1 MiB, not 1024 KiB.
        if tenths(bytes, unit) >= 10_240 && unit < UNITS.len() as u32 {
            unit += 1;
        }
        let tenths = tenths(bytes, unit);
        let name = UNITS[unit as usize - 1];
        match tenths % 10 {
            0 => write!(to, "{} {name}", tenths / 10),
            tenth => write!(to, "{}.{tenth} {name}", tenths / 10),
        }
    }
}

/// The number of tenths of a unit, rounded.
fn tenths(bytes: u64, unit: u32) -> u64 {
    let size = 1_u128 << (10 * unit);
    let tenths = (u128::from(bytes) * 10 + size / 2) / size;
    u64::try_from(tenths).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits_them() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1_023, "1023 bytes"),
            (1_024, "1 KiB"),
            (1_536, "1.5 KiB"),
            (8 << 20, "8 MiB"),
            ((1 << 20) - 1, "1 MiB"),
            (9 << 20 | 1 << 19, "9.5 MiB"),
            (u64::from(u32::MAX), "4 GiB"),
            (1 << 50, "1 PiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
