//! The values of a document, each with the place that it comes from.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum ValuePlace {
    Line(usize),
    Variable(String),
}

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: ValuePlace,
    pub(super) value: ConfigValue,
}

#[derive(Debug)]
pub(super) enum ConfigValue {
    Text(String),
    Integer(i64),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// From the environment: a text that is parsed as the type that is asked for.
    Raw(String),
    Other(&'static str),
}

impl ConfigValue {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Raw(text) => Some(text),
            Self::Integer(_) | Self::List(_) | Self::Table(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Raw(text) => text.parse().ok(),
            Self::Text(_) | Self::List(_) | Self::Table(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Raw(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::List(_) => "a list",
            Self::Table(_) => "a section",
            Self::Other(kind) => kind,
        }
    }
}

/// The values of a table of the text.
pub(super) fn nodes(text: &str, table: &DeTable<'_>) -> BTreeMap<String, Node> {
    let node = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        (key.to_string(), node(text, value))
    };
    table.iter().map(node).collect()
}

fn node(text: &str, spanned: &Spanned<DeValue<'_>>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => ConfigValue::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(ConfigValue::Other("a number that is too large"), ConfigValue::Integer),
        DeValue::Array(list) => {
            ConfigValue::List(list.iter().map(|item| node(text, item)).collect())
        }
        DeValue::Table(table) => ConfigValue::Table(nodes(text, table)),
        DeValue::Float(_) => ConfigValue::Other("a fractional number"),
        DeValue::Boolean(_) => ConfigValue::Other("true or false"),
        DeValue::Datetime(_) => ConfigValue::Other("a date"),
    };
    Node { place: ValuePlace::Line(line_of(text, spanned.span().start)), value }
}

/// The texts of a variable, with commas between them.
pub(super) fn parts_of(text: &str, place: &ValuePlace) -> Vec<Node> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| Node { place: place.clone(), value: ConfigValue::Text(part.into()) }).collect()
}

/// Parses the text of a variable as a TOML list. Its parts have the place of the variable.
pub(super) fn list_of(text: &str, place: &ValuePlace) -> Option<Vec<Node>> {
    let text = format!("list = {text}");
    let (table, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        return None;
    }
    let mut list = match nodes(&text, table.get_ref()).remove("list")?.value {
        ConfigValue::List(list) => list,
        ConfigValue::Text(_)
        | ConfigValue::Integer(_)
        | ConfigValue::Table(_)
        | ConfigValue::Raw(_)
        | ConfigValue::Other(_) => {
            return None;
        }
    };
    for node in &mut list {
        node.place = place.clone();
        if let ConfigValue::Table(nodes) = &mut node.value {
            nodes.values_mut().for_each(|node| node.place = place.clone());
        }
    }
    Some(list)
}

/// The line of a byte of the text.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}
