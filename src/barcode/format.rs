//! The formats of codes.

/// The format of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// EAN-8: 8 digits.
    Ean8,
    /// EAN-13: 13 digits.
    Ean13,
    /// UPC-A: 12 digits.
    UpcA,
    /// UPC-E: 6 to 8 digits that stand for 12.
    UpcE,
    /// ITF-14: 14 digits.
    Itf14,
    /// Elements, as in GS1-128, GS1 DataMatrix, GS1 QR and GS1 DataBar, in a GS1 Digital Link or in
    /// a message of ISO/IEC 15434.
    Gs1,
    /// Any other text, such as a SKU.
    Text,
}

impl Format {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ean8 => "ean8",
            Self::Ean13 => "ean13",
            Self::UpcA => "upca",
            Self::UpcE => "upce",
            Self::Itf14 => "itf14",
            Self::Gs1 => "gs1",
            Self::Text => "text",
        }
    }
}
