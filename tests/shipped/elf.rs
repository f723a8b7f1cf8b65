//! The few fields of an ELF file that say what it needs of the machine.

use std::fs;
use std::ops::Range;
use std::path::Path;

pub(super) const PT_INTERP: u64 = 3;
const PT_DYNAMIC: u64 = 2;
const DT_NEEDED: u64 = 1;
const SHT_SYMTAB: u64 = 2;

/// A little-endian ELF file of either class.
pub(super) struct Elf {
    bytes: Vec<u8>,
    pub(super) is_64: bool,
}

/// The offset and the size of a field.
type Field = (usize, usize);

impl Elf {
    pub(super) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        assert!(bytes.starts_with(b"\x7fELF"), "{} is not an ELF file", path.display());
        assert_eq!(bytes[5], 1, "{} is not little-endian", path.display());
        Self { is_64: bytes[4] == 2, bytes }
    }

    pub(super) fn machine(&self) -> u64 {
        self.number(0, (18, 2))
    }

    pub(super) fn has_segment(&self, kind: u64) -> bool {
        self.segments().any(|header| self.number(header, (0, 4)) == kind)
    }

    pub(super) fn has_symbols(&self) -> bool {
        let header = self.of_class(((32, 4), (46, 2), (48, 2)), ((40, 8), (58, 2), (60, 2)));
        self.table(header).any(|section| self.number(section, (4, 4)) == SHT_SYMTAB)
    }

    /// The number of shared libraries that the loader would have to find.
    pub(super) fn libraries_needed(&self) -> usize {
        let word = self.of_class(4, 8);
        let tags = self.dynamic().step_by(2 * word).map(|at| self.number(at, (0, word)));
        tags.filter(|tag| *tag == DT_NEEDED).count()
    }

    fn dynamic(&self) -> Range<usize> {
        let (offset, length) = self.of_class(((4, 4), (16, 4)), ((8, 8), (32, 8)));
        let found = self.segments().find(|header| self.number(*header, (0, 4)) == PT_DYNAMIC);
        found.map_or(0..0, |header| {
            let begin = self.index(header, offset);
            begin..begin + self.index(header, length)
        })
    }

    fn segments(&self) -> impl Iterator<Item = usize> {
        self.table(self.of_class(((28, 4), (42, 2), (44, 2)), ((32, 8), (54, 2), (56, 2))))
    }

    /// The offsets of the entries of a table, whose offset, entry size and length are in the
    /// header.
    fn table(&self, (place, size, length): (Field, Field, Field)) -> impl Iterator<Item = usize> {
        let (place, size) = (self.index(0, place), self.index(0, size));
        (0..self.index(0, length)).map(move |entry| place + entry * size)
    }

    fn of_class<T>(&self, in_32: T, in_64: T) -> T {
        if self.is_64 { in_64 } else { in_32 }
    }

    fn index(&self, base: usize, field: Field) -> usize {
        usize::try_from(self.number(base, field)).unwrap()
    }

    fn number(&self, base: usize, (offset, width): Field) -> u64 {
        let bytes = &self.bytes[base + offset..][..width];
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}
