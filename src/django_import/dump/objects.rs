//! Reads the objects of a dump one by one: a JSON array, or one object on each line.

use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;
use serde_json::{Map, Value};

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
const BROKEN_OFF: &str = "the dump breaks off";
const OTHER_ENCODING: &str = "it is not UTF-8: write the dump with `manage.py dumpdata --output dump.json`, \
                              because a shell may change the encoding of what it redirects";

/// One object of a dump.
#[derive(Debug, Default)]
pub(super) struct DumpObject {
    /// Its model, such as `auth.user`.
    pub(super) model: String,
    /// Its primary key; null if it has none.
    pub(super) key: Value,
    /// Its other fields. The values are null if the model is known not to be wanted.
    pub(super) fields: Map<String, Value>,
}

/// Reads objects and hands over each before it reads the next.
pub(super) struct ObjectReader<'a> {
    is_wanted: &'a dyn Fn(&str) -> bool,
    take: &'a mut dyn FnMut(DumpObject) -> Result<(), String>,
}

impl<'a> ObjectReader<'a> {
    /// `is_wanted`: whether the values of a model's objects are read. `take` gets every object; what it
    /// returns as an error ends the reading.
    pub(super) fn new(
        is_wanted: &'a dyn Fn(&str) -> bool,
        take: &'a mut dyn FnMut(DumpObject) -> Result<(), String>,
    ) -> Self {
        Self { is_wanted, take }
    }

    /// Reads a whole dump. An error names the line.
    pub(super) fn read(&mut self, mut text: impl BufRead) -> Result<(), String> {
        let is_array = match first_character(&mut text)? {
            b'[' => true,
            b'{' => false,
            _ => return Err(no_dump(text.fill_buf().unwrap_or_default())),
        };
        let mut json = serde_json::Deserializer::from_reader(text);
        let read = match is_array {
            true => json.deserialize_seq(&mut *self),
            false => self.read_lines(&mut json),
        };
        read.map_err(|error| explain(&error))?;
        match json.end() {
            Err(error) if error.is_syntax() => Err(format!(
                "another dump, or another text, follows the end of the dump at line {}: import one database \
                 at a time",
                error.line()
            )),
            other => other.map_err(|error| explain(&error)),
        }
    }

    fn read_lines<R: Read>(
        &mut self,
        json: &mut serde_json::Deserializer<serde_json::de::IoRead<R>>,
    ) -> serde_json::Result<()> {
        loop {
            (&mut *self).deserialize(&mut *json)?;
            // Nothing but white space is left.
            if json.end().is_ok() {
                return Ok(());
            }
        }
    }
}

/// Skips white space and a byte order mark.
fn first_character(text: &mut impl BufRead) -> Result<u8, String> {
    let mut is_start = true;
    loop {
        let bytes = text.fill_buf().map_err(|error| broken_file(&error))?;
        let Some(&first) = bytes.first() else {
            return Err("the dump is empty".to_owned());
        };
        let skipped = match first {
            _ if is_start && bytes.starts_with(MARK) => MARK.len(),
            first if first.is_ascii_whitespace() => 1,
            first => return Ok(first),
        };
        text.consume(skipped);
        is_start = false;
    }
}

/// Why a file that begins with these bytes is no dump.
fn no_dump(start: &[u8]) -> String {
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") || start.starts_with(b"\0")
    {
        return OTHER_ENCODING.to_owned();
    }
    let line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(40)]).into_owned();
    format!(
        "it begins with {:?}, where a dump begins with `[` or `{{`: make it with `manage.py dumpdata --format \
         json --output dump.json`",
        line.trim_end()
    )
}

fn broken_file(error: &dyn fmt::Display) -> String {
    format!("the file cannot be read to its end: {error}")
}

fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match error.classify() {
        Category::Io => broken_file(error),
        Category::Eof => format!("{BROKEN_OFF}: {text}"),
        Category::Syntax if text.contains("unicode code point") => {
            format!("{OTHER_ENCODING} ({text})")
        }
        Category::Syntax => format!("it is not valid JSON: {text}"),
        Category::Data => text,
    }
}

impl<'de> DeserializeSeed<'de> for &mut ObjectReader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut ObjectReader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `model`, `pk` and `fields`, as `manage.py dumpdata` writes it")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut objects: A) -> Result<(), A::Error> {
        while objects.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut object = DumpObject::default();
        let mut has_fields = false;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "model" => object.model = map.next_value::<String>()?.to_lowercase(),
                "pk" => object.key = map.next_value()?,
                "fields" => {
                    has_fields = true;
                    object.fields = match object.model.is_empty() || (self.is_wanted)(&object.model)
                    {
                        true => map.next_value()?,
                        false => map.next_value_seed(FieldNames)?,
                    };
                }
                other => {
                    return Err(A::Error::custom(format!(
                        "an object of a dump has no {other:?}"
                    )));
                }
            }
        }
        if object.model.is_empty() || !has_fields {
            return Err(A::Error::custom(
                "an object of a dump has `model` and `fields`",
            ));
        }
        (self.take)(object).map_err(A::Error::custom)
    }
}

/// Reads the names of fields and skips their values.
struct FieldNames;

impl<'de> DeserializeSeed<'de> for FieldNames {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldNames {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            names.insert(name, Value::Null);
        }
        Ok(names)
    }
}
