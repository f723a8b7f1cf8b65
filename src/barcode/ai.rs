//! What is known of a GS1 application identifier (AI): the format of its values, and which others it
//! needs or excludes.

/// The characters of a part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    Digits,
    /// CSET 82: most of the printable characters of ASCII.
    Text,
    /// CSET 39: capital letters, digits and `#-/`.
    Upper,
    /// CSET 64: base64 with the alphabet of URLs.
    Base64,
}

/// A rule for the content of a part. The names are those of the dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lint {
    Csum,
    Csumalpha,
    Gcppos1,
    Gcppos2,
    Hasnondigit,
    Hh,
    Hhmi,
    Hyphen,
    Iban,
    Importeridx,
    Iso3166,
    Iso3166999,
    Iso3166alpha2,
    Iso4217,
    Iso5218,
    Latitude,
    Longitude,
    Mediatype,
    Mi,
    Nonzero,
    Nozeroprefix,
    Pcenc,
    Pieceoftotal,
    Posinseqslash,
    Ss,
    Winding,
    Yesno,
    Yymmd0,
    Yymmdd,
    Yyyymmdd,
    Zero,
}

const LINTS_MAX: usize = 3;

/// A part of a value. Only the last one may vary in length; what follows an optional part is
/// optional, too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) set: Set,
    pub(super) least: u8,
    pub(super) most: u8,
    pub(super) is_optional: bool,
    lints: [Option<Lint>; LINTS_MAX],
}

impl Part {
    const fn new(set: Set, least: u8, most: u8) -> Self {
        Self { set, least, most, is_optional: false, lints: [None; LINTS_MAX] }
    }

    pub(super) const fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    pub(super) const fn lint(self, lint: Lint) -> Self {
        let lints = match self.lints {
            [None, _, _] => [Some(lint), None, None],
            [first, None, _] => [first, Some(lint), None],
            [first, second, _] => [first, second, Some(lint)],
        };
        Self { lints, ..self }
    }

    pub(super) fn lints(&self) -> impl Iterator<Item = Lint> {
        self.lints.into_iter().flatten()
    }
}

pub(super) const fn digits(least: u8, most: u8) -> Part {
    Part::new(Set::Digits, least, most)
}

pub(super) const fn text(least: u8, most: u8) -> Part {
    Part::new(Set::Text, least, most)
}

pub(super) const fn upper(least: u8, most: u8) -> Part {
    Part::new(Set::Upper, least, most)
}

pub(super) const fn base64(least: u8, most: u8) -> Part {
    Part::new(Set::Base64, least, most)
}

/// A row of the table: the identifiers from `first` to `last`, which are equally long.
#[derive(Debug)]
pub(super) struct Ai {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) parts: &'static [Part],
    /// Whether the length is known without the table, so that no FNC1 follows.
    pub(super) is_predefined: bool,
    /// Whether it may stand in the query of a GS1 Digital Link.
    pub(super) is_attribute: bool,
    /// The identifiers that it needs: groups separated by `;`, of alternatives separated by `,`, of
    /// patterns joined by `+`. An `n` stands for any digit.
    pub(super) needs: &'static str,
    /// The patterns that must not stand beside it.
    pub(super) excludes: &'static str,
    /// As the key of a GS1 Digital Link: the sequences of qualifiers that may follow it.
    pub(super) key: Option<&'static str>,
}

pub(super) const fn ai(first: &'static str, last: &'static str, parts: &'static [Part]) -> Ai {
    let (is_predefined, is_attribute) = (false, false);
    Ai { first, last, parts, is_predefined, is_attribute, needs: "", excludes: "", key: None }
}

impl Ai {
    pub(super) const fn predefined(self) -> Self {
        Self { is_predefined: true, ..self }
    }

    pub(super) const fn attribute(self) -> Self {
        Self { is_attribute: true, ..self }
    }

    pub(super) const fn needs(self, needs: &'static str) -> Self {
        Self { needs, ..self }
    }

    pub(super) const fn excludes(self, excludes: &'static str) -> Self {
        Self { excludes, ..self }
    }

    pub(super) const fn key(self, qualifiers: &'static str) -> Self {
        Self { key: Some(qualifiers), ..self }
    }

    /// The least length of a value.
    pub(super) fn least(&self) -> usize {
        let needed = self.parts.iter().filter(|part| !part.is_optional);
        needed.map(|part| usize::from(part.least)).sum()
    }

    /// The greatest length of a value.
    pub(super) fn most(&self) -> usize {
        self.parts.iter().map(|part| usize::from(part.most)).sum()
    }

    /// Whether all values consist of digits.
    pub(super) fn is_numeric(&self) -> bool {
        self.parts.iter().all(|part| part.set == Set::Digits)
    }

    pub(super) fn has(&self, lint: Lint) -> bool {
        self.parts.iter().any(|part| part.lints().any(|each| each == lint))
    }
}
