//! A TOML file with environment overrides, which is read key by key and collects every problem.
//!
//! serde would stop at the first mistake, and could not name the line of a value that is out of
//! range. An operator wants the whole list. Keys that are left over at the end are unknown keys.

mod nodes;
pub(super) mod redact;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use self::nodes::{ConfigValue, Node, ValuePlace, line_of, list_of, nodes, parts_of};
use super::text;

/// The prefix of environment variables. Two underscores separate section and key.
pub(super) const PREFIX: &str = "STOCKGATE_";

/// The sections of both programs.
const SECTIONS: [&str; 7] = ["gateway", "terminals", "barcodes", "mqtt", "stock", "log", "hub"];

/// What the parser says of a key or a section that is there twice.
const TWICE: &str = "duplicate key";

/// Everything that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError(Vec<String>);

impl ConfigError {
    pub(super) fn one(problem: String) -> Self {
        Self(vec![problem])
    }

    /// The problems, each with the place of the value and its key.
    pub fn problems(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// A configuration that is being read.
#[derive(Debug)]
pub(super) struct Document {
    file: Option<PathBuf>,
    root: BTreeMap<String, Node>,
    problems: Vec<String>,
}

/// A table of a document. Keys that have not been taken from it at the end are unknown.
#[derive(Debug)]
pub(super) struct Section<'a> {
    document: &'a mut Document,
    name: String,
    nodes: BTreeMap<String, Node>,
    place: ValuePlace,
    /// The places of the keys that have been taken.
    taken: BTreeMap<String, ValuePlace>,
}

impl Document {
    /// Reads a file, if one is named, and lets environment variables override its values.
    ///
    /// `foreign` are the sections of the other program, and its keys in the sections of both, as
    /// `section__key`. Their variables are ignored.
    pub(super) fn read(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        foreign: &[&str],
    ) -> Result<Self, ConfigError> {
        let mut document = match file {
            Some(file) => Self::parse(file, &read_file(file)?)?,
            None => Self { file: None, root: BTreeMap::new(), problems: Vec::new() },
        };
        for (variable, value) in variables {
            document.override_by(variable, value, foreign);
        }
        Ok(document)
    }

    /// Parses the text of a file. A key or a section that is there twice is noted as a problem, so that
    /// the others are told with it.
    pub(super) fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut problems = Vec::new();
        for error in errors {
            let span = error.span().unwrap_or_default();
            let (file, line, message) =
                (file.display(), line_of(text, span.start), error.message());
            let Some(key) = text.get(span).filter(|_| message == TWICE) else {
                // Its text may be a secret.
                let problem = format!("{file}:{line}: not valid TOML: {message}");
                return Err(ConfigError::one(problem));
            };
            problems.push(format!("{file}:{line}: {key}: is there twice; leave one"));
        }
        Ok(Self { file: Some(file.into()), root: nodes(text, table.get_ref()), problems })
    }

    /// Whether it has everything that stands in its file.
    pub(super) fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    /// Reports a variable with one underscore in place of two.
    fn suspect(&mut self, variable: &str, path: &str, foreign: &[&str]) {
        let ours = SECTIONS.iter().filter(|section| !foreign.contains(section));
        let meant = ours.filter_map(|section| {
            let key = path.strip_prefix(section)?.strip_prefix('_')?;
            Some(format!("{PREFIX}{section}__{key}").to_ascii_uppercase())
        });
        let meant: Vec<String> = meant.collect();
        if let [meant] = &meant[..] {
            self.problems.push(format!(
                "environment variable {variable}: two underscores separate section and key, write {meant}"
            ));
        }
    }

    fn override_by(&mut self, variable: String, value: String, foreign: &[&str]) {
        let path = variable.strip_prefix(PREFIX).unwrap_or_default().to_ascii_lowercase();
        if !path.contains("__") {
            return self.suspect(&variable, &path, foreign);
        }
        let (section, key) = path.split_once("__").expect("the filter above requires it");
        if foreign.contains(&section) || foreign.contains(&path.as_str()) {
            return;
        }
        let place = ValuePlace::Variable(variable.clone());
        let table = self.root.entry(section.into()).or_insert_with(|| Node {
            place: place.clone(),
            value: ConfigValue::Table(BTreeMap::new()),
        });
        if let ConfigValue::Table(table) = &mut table.value {
            table.insert(key.into(), Node { place, value: ConfigValue::Raw(value) });
        }
    }

    /// The directory of the file. Relative paths in the configuration start there.
    pub(super) fn directory(&self) -> PathBuf {
        let parent = self.file.as_deref().and_then(Path::parent);
        parent.map(Path::to_owned).unwrap_or_default()
    }

    /// Takes a section; `None` if it is absent.
    pub(super) fn section(&mut self, name: &str) -> Option<Section<'_>> {
        let node = self.root.remove(name)?;
        let ConfigValue::Table(nodes) = node.value else {
            self.problem(&node.place, name, "must be a section");
            return None;
        };
        Some(Section::new(self, name.into(), nodes, node.place))
    }

    fn problem(&mut self, place: &ValuePlace, key: &str, message: impl fmt::Display) {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let place = match (place, file) {
            (ValuePlace::Variable(variable), _) => format!("environment variable {variable}"),
            (ValuePlace::Line(line), Some(file)) => format!("{file}:{line}"),
            (ValuePlace::Line(_), None) => unreachable!("a line is a line of a file"),
        };
        self.problems.push(format!("{place}: {key}: {message}"));
    }

    /// Finishes the reading.
    ///
    /// # Errors
    /// If there was any problem, or a section is left over.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        for (name, node) in std::mem::take(&mut self.root) {
            self.problem(&node.place, &name, "unknown section");
        }
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }
}

impl<'a> Section<'a> {
    fn new(
        document: &'a mut Document,
        name: String,
        nodes: BTreeMap<String, Node>,
        place: ValuePlace,
    ) -> Self {
        Self { document, name, nodes, place, taken: BTreeMap::new() }
    }

    /// Takes a key, and keeps its place for messages.
    fn take(&mut self, key: &str) -> Option<Node> {
        let node = self.nodes.remove(key)?;
        self.taken.insert(key.into(), node.place.clone());
        Some(node)
    }

    /// Takes a text and parses it; `None` if it is absent, or wrong and noted as a problem.
    pub(super) fn text<T, E: fmt::Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let node = self.take(key)?;
        let parsed = match node.value.as_text() {
            Some(text) => parse(text).map_err(|error| error.to_string()),
            None => Err(format!("must be a text, is {}", node.value.kind())),
        };
        self.noted(&node.place, key, parsed)
    }

    /// Takes a whole number within bounds.
    pub(super) fn number(
        &mut self,
        key: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        self.number_or(key, bounds, "")
    }

    /// As [`Self::number`]; the message for one out of bounds ends with a hint.
    pub(super) fn number_or(
        &mut self,
        key: &str,
        bounds: std::ops::RangeInclusive<u64>,
        hint: &str,
    ) -> Option<u64> {
        let node = self.take(key)?;
        let (low, high) = (*bounds.start(), *bounds.end());
        let parsed = match node.value.as_number().map(u64::try_from) {
            Some(Ok(number)) if bounds.contains(&number) => Ok(number),
            Some(_) => Err(format!("must be from {low} to {high}{hint}")),
            None => Err(format!("must be a whole number, is {}", node.value.kind())),
        };
        self.noted(&node.place, key, parsed)
    }

    /// Takes a list of texts and checks each; `None` if it is absent, or one is wrong. In a variable it
    /// is a TOML list, or texts with commas between them.
    pub(super) fn texts(
        &mut self,
        key: &str,
        check: &dyn Fn(&str) -> Result<(), String>,
    ) -> Option<Vec<String>> {
        let node = self.take(key)?;
        let list = match node.value {
            ConfigValue::Raw(text) if text.starts_with('[') => list_of(&text, &node.place),
            ConfigValue::Raw(text) => Some(parts_of(&text, &node.place)),
            ConfigValue::List(list) => Some(list),
            ConfigValue::Text(_)
            | ConfigValue::Integer(_)
            | ConfigValue::Table(_)
            | ConfigValue::Other(_) => None,
        };
        let wrong = || "must be a list of texts".to_owned();
        let Some(list) = list else { return self.noted(&node.place, key, Err(wrong())) };
        let texts = list.iter().map(|item| {
            let text = item.value.as_text().ok_or_else(wrong);
            let checked = text.and_then(|text| check(text).map(|()| text.to_owned()));
            self.noted(&item.place, key, checked)
        });
        // All are checked before the first wrong one ends it.
        texts.collect::<Vec<_>>().into_iter().collect()
    }

    /// Takes a list of tables and reads each as a section.
    pub(super) fn tables<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Section<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let name = format!("{}.{key}", self.name);
        let list = match node.value {
            ConfigValue::List(list) => Some(list),
            ConfigValue::Raw(text) => list_of(&text, &node.place),
            ConfigValue::Text(_)
            | ConfigValue::Integer(_)
            | ConfigValue::Table(_)
            | ConfigValue::Other(_) => None,
        };
        let Some(list) = list else {
            self.document.problem(&node.place, &name, "must be a list of sections");
            return Vec::new();
        };
        let mut found = Vec::new();
        for Node { place, value } in list {
            let ConfigValue::Table(nodes) = value else {
                self.document.problem(&place, &name, "must be a list of sections");
                continue;
            };
            let mut section = Section::new(self.document, name.clone(), nodes, place);
            found.extend(read(&mut section));
            section.finish();
        }
        found
    }

    /// Notes a problem with a value that other values show.
    pub(super) fn problem(&mut self, key: &str, message: impl fmt::Display) {
        let place = self.taken.get(key).unwrap_or(&self.place).clone();
        let key = format!("{}.{key}", self.name);
        self.document.problem(&place, &key, message);
    }

    /// Notes that a required key is missing.
    pub(super) fn missing(&mut self, key: &str) {
        self.problem(key, "is missing");
    }

    /// Whether the section has the key and it has not been taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.nodes.contains_key(key)
    }

    fn noted<T>(&mut self, place: &ValuePlace, key: &str, parsed: Result<T, String>) -> Option<T> {
        let key = format!("{}.{key}", self.name);
        parsed.map_err(|message| self.document.problem(place, &key, message)).ok()
    }

    /// Drops the keys that are left, whatever they are.
    #[cfg(feature = "hub")]
    pub(super) fn leave(&mut self) {
        self.nodes.clear();
    }

    /// Finishes the section: keys that are left over are unknown.
    pub(super) fn finish(self) {
        for (key, node) in self.nodes {
            let key = format!("{}.{key}", self.name);
            self.document.problem(&node.place, &key, "unknown key");
        }
    }
}

fn read_file(file: &Path) -> Result<String, ConfigError> {
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|error| {
        ConfigError::one(format!("{shown}: cannot be read: {error}; name a file with --config"))
    })?;
    text::decode(&bytes).map_err(|why| ConfigError::one(format!("{shown}: {why}")))
}
