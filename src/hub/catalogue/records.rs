//! The records of a CSV text (RFC 4180), each with its line: nothing is guessed about quotes.

use super::line_error::LineError;

/// A record and the line on which it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

/// Splits a text into records. Lines without any character are skipped.
///
/// # Errors
/// If a quote is not closed, or text follows a closing quote.
pub(super) fn records(text: &str, delimiter: char) -> Result<Vec<Record>, LineError> {
    let mut reader = Reader { rest: text, line: 1, delimiter };
    let mut records = Vec::new();
    while !reader.rest.is_empty() {
        let line = reader.line;
        let cells = reader.record()?;
        if cells.iter().any(|cell| !cell.is_empty()) {
            records.push(Record { line, cells });
        }
    }
    Ok(records)
}

struct Reader<'a> {
    rest: &'a str,
    line: u64,
    delimiter: char,
}

impl<'a> Reader<'a> {
    fn record(&mut self) -> Result<Vec<String>, LineError> {
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell()?);
            let Some(next) = self.rest.chars().next() else { return Ok(cells) };
            if next == self.delimiter {
                self.rest = &self.rest[next.len_utf8()..];
                continue;
            }
            self.skip_line_end();
            return Ok(cells);
        }
    }

    /// A cell with the blanks around its quotes, if it has any.
    fn cell(&mut self) -> Result<String, LineError> {
        let (blanks, rest) = self.blanks();
        if !rest.starts_with('"') {
            return Ok(self.unquoted());
        }
        self.rest = rest;
        let quoted = self.quoted()?;
        let (more, rest) = self.blanks();
        self.rest = rest;
        let ends = |next: char| next == self.delimiter || next == '\n' || next == '\r';
        match rest.chars().next().is_none_or(ends) {
            true => Ok(format!("{blanks}{quoted}{more}")),
            false => Err(LineError::at(
                self.line,
                "text follows a closing quote; a quote within quotes is written twice",
            )),
        }
    }

    /// The blanks that come next, and what is behind them.
    fn blanks(&self) -> (&'a str, &'a str) {
        let is_blank =
            |char: char| char.is_whitespace() && char != self.delimiter && !"\r\n".contains(char);
        self.rest.split_at(self.rest.find(|char| !is_blank(char)).unwrap_or(self.rest.len()))
    }

    fn unquoted(&mut self) -> String {
        let end = self.rest.find([self.delimiter, '\n', '\r']).unwrap_or(self.rest.len());
        let (cell, rest) = self.rest.split_at(end);
        self.rest = rest;
        cell.to_owned()
    }

    fn quoted(&mut self) -> Result<String, LineError> {
        let opened = self.line;
        let mut cell = String::new();
        self.rest = &self.rest[1..];
        loop {
            let Some((part, rest)) = self.rest.split_once('"') else {
                return Err(LineError::at(opened, "the quote that opens here is never closed"));
            };
            self.line += part.matches('\n').count() as u64;
            cell.push_str(part);
            self.rest = rest;
            match rest.strip_prefix('"') {
                Some(rest) => {
                    cell.push('"');
                    self.rest = rest;
                }
                None => return Ok(cell),
            }
        }
    }

    fn skip_line_end(&mut self) {
        let rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
        self.rest = rest.strip_prefix('\n').unwrap_or(rest);
        self.line += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_lines_on_which_they_begin() {
        let read = records("a;\"b \"\"c\"\"\"\r\n\r\n\"d\ne\";f\ng;", ';').unwrap();
        let cells: Vec<(u64, Vec<&str>)> = read
            .iter()
            .map(|record| (record.line, record.cells.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(cells, [(1, vec!["a", "b \"c\""]), (3, vec!["d\ne", "f"]), (5, vec!["g", ""])]);
    }

    /// They stay in the cell, so that they are reported.
    #[test]
    fn blanks_around_quotes_belong_to_the_cell() {
        for (text, delimiter, cells) in [
            ("a, \"b,\"\"c\" ,\u{a0}\"d\"", ',', ["a", " b,\"c ", "\u{a0}d"]),
            ("a\t\"b\" \t \"c\"\n", '\t', ["a", "b ", " c"]),
            ("a;  ; \"b\"\r\n", ';', ["a", "  ", " b"]),
        ] {
            assert_eq!(records(text, delimiter).unwrap()[0].cells, cells, "{text:?}");
        }
    }

    #[test]
    fn a_quote_that_makes_no_sense_is_reported_with_its_line() {
        for (text, line) in [
            ("a,b\nc,\"d\ne,f\n", 2),
            ("a,b\n\"c\" d,e\n", 2),
            ("a,b\n \"c\"  \"d\",e\n", 2),
            ("\"", 1),
        ] {
            let error = records(text, ',').unwrap_err();
            assert_eq!(error.line, Some(line), "{text:?}: {error:?}");
        }
    }
}
