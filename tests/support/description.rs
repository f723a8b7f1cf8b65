//! An interface description (OpenAPI or AsyncAPI, as JSON), and a check of values against it.
//!
//! It is stricter than a client: an object has the described fields and no others, so that a new
//! field has to be described, and keywords that are not checked here must not be used.

use std::fs;
use std::path::Path;

use serde_json::Value;

pub struct Description {
    root: Value,
}

impl Description {
    /// A description in `docs`.
    pub fn read(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        Self { root: serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap() }
    }

    /// A part of it, by JSON pointer.
    pub fn at(&self, pointer: &str) -> &Value {
        let found = self.root.pointer(pointer);
        self.resolved(found.unwrap_or_else(|| panic!("{pointer} is not described")))
    }

    /// Checks a value against a schema.
    pub fn check(&self, value: &Value, schema: &Value) {
        if let Err(why) = self.matches(value, schema, "") {
            panic!("{value} is not as described: {why}");
        }
    }

    fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node["$ref"].as_str() {
            Some(pointer) => self.at(pointer.strip_prefix('#').expect("a place in this file")),
            None => node,
        }
    }

    fn matches(&self, value: &Value, schema: &Value, place: &str) -> Result<(), String> {
        let schema = self.resolved(schema);
        for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
            let holds = match keyword.as_str() {
                "description" | "required" | "additionalProperties" => true,
                "type" => has_type(value, wanted.as_str().expect("one type")),
                "const" => value == wanted,
                "enum" => wanted.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|n| n >= wanted.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|n| n <= wanted.as_f64().unwrap()),
                "minLength" => length(value) >= wanted.as_u64().unwrap(),
                "maxLength" => length(value) <= wanted.as_u64().unwrap(),
                "minItems" => count(value) >= wanted.as_u64().unwrap(),
                "maxItems" => count(value) <= wanted.as_u64().unwrap(),
                "pattern" => is_name(value, wanted),
                "format" => has_format(value, wanted.as_str().unwrap()),
                "items" => return self.each_matches(value, wanted, place),
                "properties" => {
                    self.fields_match(value, schema, place)?;
                    true
                }
                "oneOf" => {
                    let fits = |one: &&Value| self.matches(value, one, place).is_ok();
                    wanted.as_array().unwrap().iter().filter(fits).count() == 1
                }
                other => panic!("the keyword {other} is not looked at; use another one"),
            };
            if !holds {
                return Err(format!("{place}: {value} is not {keyword} {wanted}"));
            }
        }
        Ok(())
    }

    fn each_matches(&self, value: &Value, schema: &Value, place: &str) -> Result<(), String> {
        let list = value.as_array().ok_or_else(|| format!("{place}: {value} is not a list"))?;
        let mut numbered = list.iter().enumerate();
        numbered.try_for_each(|(at, item)| self.matches(item, schema, &format!("{place}/{at}")))
    }

    fn fields_match(&self, value: &Value, schema: &Value, place: &str) -> Result<(), String> {
        let fields =
            value.as_object().ok_or_else(|| format!("{place}: {value} is not an object"))?;
        let described = schema["properties"].as_object().unwrap();
        for required in schema["required"].as_array().into_iter().flatten() {
            let name = required.as_str().unwrap();
            if !fields.contains_key(name) {
                return Err(format!("{place}/{name}: is missing"));
            }
        }
        for (name, field) in fields {
            let place = format!("{place}/{name}");
            let schema = described.get(name).ok_or_else(|| format!("{place}: not described"))?;
            self.matches(field, schema, &place)?;
        }
        Ok(())
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("there is no type {other}"),
    }
}

fn length(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| text.chars().count() as u64)
}

fn count(value: &Value) -> u64 {
    value.as_array().map_or(0, |list| list.len() as u64)
}

/// The only pattern is that of names.
fn is_name(value: &Value, pattern: &Value) -> bool {
    assert_eq!(pattern, "^[A-Za-z0-9._-]{1,64}$", "another pattern is not looked at");
    let text = value.as_str().unwrap_or_default();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

fn has_format(value: &Value, format: &str) -> bool {
    let text = value.as_str().unwrap_or_default();
    match format {
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        "date" => humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).is_ok(),
        "date-time" => humantime::parse_rfc3339(text).is_ok(),
        other => panic!("the format {other} is not looked at; use another one"),
    }
}
