//! The records of a CSV text, read strictly: what is no CSV in UTF-8 is an error that names its line.

use std::io::{BufRead, Read};

/// Bytes in one record: a quote that is not closed would take in the rest of the file.
const RECORD_BYTES_MAX: usize = 64 * 1024;
const BOM: &str = "\u{feff}";
const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// Why a text is no CSV.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    #[error("line {line} cannot be read: {error}")]
    Read { line: u64, error: std::io::Error },
    #[error("is UTF-16; save it as CSV in UTF-8")]
    Utf16,
    #[error("line {0} is no UTF-8; save the file as CSV in UTF-8")]
    NotUtf8(u64),
    #[error("line {0}: a quote is not closed")]
    OpenQuote(u64),
    #[error("line {0}: text follows a closing quote")]
    TextAfterQuote(u64),
    #[error(
        "line {0}: a carriage return does not end a line by itself; save the file with other line ends"
    )]
    BareReturn(u64),
    #[error("line {line}: the row is over {max}; is a quote not closed?", max = crate::sizes::Bytes(RECORD_BYTES_MAX as u64))]
    TooLong { line: u64 },
    #[error("is empty")]
    Empty,
}

/// One record: its cells, without the blanks around them, and the line where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

/// Reads the records of a text one by one.
#[derive(Debug)]
pub(super) struct Records<R> {
    reader: R,
    delimiter: char,
    /// The number of the last line.
    line: u64,
    failed: bool,
}

impl<R: BufRead> Records<R> {
    /// Reads the first record, the names of the columns, and learns the delimiter from it: the one
    /// under which `has_columns` finds what it needs, or else the one that makes the most cells. Blank
    /// lines before it are skipped.
    ///
    /// # Errors
    /// If the text is empty, or that line is no CSV in UTF-8 under any of them.
    pub(super) fn open(
        reader: R,
        has_columns: impl Fn(&[String]) -> bool,
    ) -> Result<(Self, Vec<String>), TextError> {
        let mut records = Self { reader, delimiter: ',', line: 0, failed: false };
        let text = records.first_line()?;
        let mut best: Option<(char, Vec<String>)> = None;
        let mut first_error = None;
        for delimiter in DELIMITERS {
            match Cells::of(&text, records.line, delimiter) {
                Ok(cells) if has_columns(&cells) => {
                    records.delimiter = delimiter;
                    return Ok((records, cells));
                }
                Ok(cells) if best.as_ref().is_none_or(|(_, most)| most.len() < cells.len()) => {
                    best = Some((delimiter, cells));
                }
                Ok(_) => {}
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        // Under a delimiter that is not there, the line is one cell.
        match (best.filter(|(_, cells)| cells.len() > 1 || first_error.is_none()), first_error) {
            (Some((delimiter, cells)), _) => Ok((Self { delimiter, ..records }, cells)),
            (None, error) => Err(error.unwrap_or(TextError::Empty)),
        }
    }

    /// The first line that is not blank, without the byte order mark.
    fn first_line(&mut self) -> Result<String, TextError> {
        loop {
            let text = self.next_line()?.ok_or(TextError::Empty)?;
            let text = text.strip_prefix(BOM).unwrap_or(&text);
            if !text.trim().is_empty() {
                return Ok(text.to_owned());
            }
        }
    }

    /// The next line with its end; `None` after the last one.
    fn next_line(&mut self) -> Result<Option<String>, TextError> {
        self.line += 1;
        let (line, mut bytes) = (self.line, Vec::new());
        let mut limited = (&mut self.reader).take(RECORD_BYTES_MAX as u64 + 1);
        limited.read_until(b'\n', &mut bytes).map_err(|error| TextError::Read { line, error })?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if line == 1 && (bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")) {
            return Err(TextError::Utf16);
        }
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(TextError::TooLong { line });
        }
        String::from_utf8(bytes).map(Some).map_err(|_| TextError::NotUtf8(line))
    }

    fn next_record(&mut self) -> Result<Option<Record>, TextError> {
        let Some(mut text) = self.next_line()? else {
            return Ok(None);
        };
        let (line, mut cells, mut bytes) = (self.line, Cells::new(self.delimiter), text.len());
        cells.take(&text, line)?;
        while cells.state == State::Quoted {
            let Some(more) = self.next_line()? else { break };
            text = more;
            bytes += text.len();
            if bytes > RECORD_BYTES_MAX {
                return Err(TextError::TooLong { line });
            }
            cells.take(&text, self.line)?;
        }
        Ok(Some(Record { line, cells: cells.finish()? }))
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Record, TextError>;

    /// The next record that is not blank. Nothing is read after an error.
    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            match self.next_record() {
                Ok(None) => return None,
                Ok(Some(record)) if record.cells.iter().all(String::is_empty) => {}
                Ok(Some(record)) => return Some(Ok(record)),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// The cells of one record as far as it is read.
struct Cells {
    delimiter: char,
    done: Vec<String>,
    cell: String,
    state: State,
    /// The line of the last opening quote.
    quote_line: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but blanks so far.
    Start,
    Bare,
    Quoted,
    /// After the closing quote.
    Closed,
}

impl Cells {
    fn new(delimiter: char) -> Self {
        let (done, cell, state) = (Vec::new(), String::new(), State::Start);
        Self { delimiter, done, cell, state, quote_line: 0 }
    }

    /// The cells of one line.
    fn of(text: &str, line: u64, delimiter: char) -> Result<Vec<String>, TextError> {
        let mut cells = Self::new(delimiter);
        cells.take(text, line)?;
        cells.finish()
    }

    /// Takes one line, with its end and its number.
    fn take(&mut self, text: &str, line: u64) -> Result<(), TextError> {
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            match (self.state, char) {
                (State::Quoted, '"') if chars.next_if_eq(&'"').is_some() => self.cell.push('"'),
                (State::Quoted, '"') => self.state = State::Closed,
                (State::Quoted, char) => self.cell.push(char),
                (_, char) if char == self.delimiter => self.end_cell(),
                (_, '\r') if chars.peek().is_some_and(|next| !"\r\n".contains(*next)) => {
                    return Err(TextError::BareReturn(line));
                }
                (State::Closed, char) if char.is_whitespace() => {}
                (State::Closed, _) => return Err(TextError::TextAfterQuote(line)),
                (State::Start, '"') => {
                    self.cell.clear();
                    self.state = State::Quoted;
                    self.quote_line = line;
                }
                (State::Start, char) if char.is_whitespace() => {}
                (State::Start | State::Bare, char) => {
                    self.cell.push(char);
                    self.state = State::Bare;
                }
            }
        }
        Ok(())
    }

    fn end_cell(&mut self) {
        self.done.push(self.cell.trim().to_owned());
        self.cell.clear();
        self.state = State::Start;
    }

    fn finish(mut self) -> Result<Vec<String>, TextError> {
        if self.state == State::Quoted {
            return Err(TextError::OpenQuote(self.quote_line));
        }
        self.end_cell();
        Ok(self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(Vec<String>, Vec<Record>), TextError> {
        let (records, header) = Records::open(bytes, |cells| cells.len() > 1)?;
        Ok((header, records.collect::<Result<_, _>>()?))
    }

    fn error(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn delimiters_marks_blanks_and_line_ends_make_no_difference() {
        for text in [
            "a,b\nx y,\" 1 \"\n",
            "\u{feff}a;b\r\n x y ; 1\r\n\r\n;\r\n",
            "a\tb\n\n\"x y\"\t1",
            "\"a\" , b \r\n \"x y\" ,1 ",
            "\"a\";\"b\"\n\"x y\";\"1\"\n",
            "\"a\"\t\"b\"\n\"x y\"\t\"1\"\n",
            "\n \t\r\na,b\nx y,1",
            "\u{feff}\r\na;b\nx y;1",
            "a,b\r\r\nx y,1\r",
        ] {
            let (header, records) = read(text.as_bytes()).unwrap();
            assert_eq!(header, ["a", "b"], "{text:?}");
            assert_eq!(records.len(), 1, "{text:?}");
            assert_eq!(records[0].cells, ["x y", "1"], "{text:?}");
        }
    }

    #[test]
    fn quotes_hold_delimiters_quotes_and_line_ends() {
        let (_, records) = read(b"a,b\n\"x,\"\"y\"\"\nz\",5\" pipe\nlast,1\n").unwrap();
        assert_eq!(records[0].cells, ["x,\"y\"\nz", "5\" pipe"]);
        assert_eq!(records.iter().map(|record| record.line).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn what_is_no_csv_in_utf_8_is_named_with_its_line() {
        assert_eq!(error(b"a,b\n1,2\n3,\"4\n5,6\n"), "line 3: a quote is not closed");
        assert_eq!(error(b"a,b\n1,\"2\n\",\"\n4\n"), "line 3: a quote is not closed");
        assert_eq!(error(b"a,b\n1,\"2\" 3\n"), "line 2: text follows a closing quote");
        assert_eq!(error(b"a,\"b\n"), "line 1: a quote is not closed");
        assert_eq!(error(b"\n\"a\" b,c\n1,2\n"), "line 2: text follows a closing quote");
        assert!(error(b"a,b\n1,2\nCAF\xc9,4\n").starts_with("line 3 is no UTF-8"));
        assert!(error(b"\xff\xfea\0,\0b\0").starts_with("is UTF-16"));
        for text in [&b"a,b\r1,2\r3,4\r"[..], b"\"a\",\"b\"\r1,2\r", b"a,b,\r1,2,\r"] {
            assert!(error(text).starts_with("line 1: a carriage return"), "{text:?}");
        }
        assert!(error(b"a,b\n1,2\n3\r,4\n").starts_with("line 3: a carriage return"));
        assert_eq!(error(b""), "is empty");
        assert_eq!(error(b"\n\r\n"), "is empty");
        let swallowed = format!("a,b\n1,\"2\n{}", "3,4\n".repeat(RECORD_BYTES_MAX));
        assert!(error(swallowed.as_bytes()).starts_with("line 2: the row is over 64 KiB"));
    }
}
