//! The configuration file: its entries become the defaults of the flags.
//!
//! `a_b = 1`, `a-b = 1` and `b = 1` in a table `[a]` are the same setting, `--a-b`.

use std::any::TypeId;
use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use clap::builder::Resettable;
use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a configuration file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{place}: {why}")]
    Broken { place: Place, why: String },
    #[error("{place}: there is no setting `{key}`; there are {known}")]
    Unknown { place: Place, key: String, known: String },
    #[error("{place}: `{key}` is {wanted}, not {got}")]
    Kind { place: Place, key: String, wanted: Kind, got: &'static str },
    #[error("{place}: {why}")]
    Refused { place: Place, why: String },
}

/// A line of a file.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    line: usize,
}

/// What an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Truth,
    Number,
    Text,
    Texts,
}

/// The settings that a file may hold.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    // `check` is an order, and `config` names the file itself.
    command.get_arguments().filter(|arg| {
        arg.get_long().is_some() && !matches!(arg.get_id().as_str(), "check" | "config" | "help" | "version")
    })
}

/// What a setting is called in a file.
pub(super) fn key(arg: &Arg) -> String {
    arg.get_id().as_str().replace('-', "_")
}

/// The values of a setting as a file has them.
pub(super) fn written<'a>(arg: &Arg, values: impl Iterator<Item = Cow<'a, str>>) -> String {
    // A text of JSON is one of TOML.
    let quote = |value: Cow<'_, str>| serde_json::Value::from(value.into_owned()).to_string();
    let mut values = values;
    match Kind::of(arg) {
        Kind::Truth | Kind::Number => values.next().unwrap_or_default().into_owned(),
        Kind::Text => quote(values.next().unwrap_or_default()),
        Kind::Texts => format!("[{}]", values.map(quote).collect::<Vec<_>>().join(", ")),
    }
}

/// Makes the entries of the file the defaults of the command's flags.
pub(super) fn as_defaults(mut command: Command, path: &Path) -> Result<Command, FileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
    let file = File { path, text: &text };
    let table = DeTable::parse(&text).map_err(|error| FileError::Broken {
        place: file.place(error.span().unwrap_or_default()),
        why: error.message().to_owned(),
    })?;
    for entry in file.entries(&command, "", table.get_ref())? {
        let Entry { id, values, span } = entry;
        file.check(&command, &id, &values, span)?;
        command = command.mut_arg(id, |arg| arg.default_values(values));
    }
    Ok(command)
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

/// A setting of the file.
struct Entry {
    id: String,
    values: Vec<String>,
    span: Range<usize>,
}

impl File<'_> {
    fn entries(&self, command: &Command, prefix: &str, table: &DeTable<'_>) -> Result<Vec<Entry>, FileError> {
        let mut entries = Vec::new();
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref().replace('-', "_"));
            match (settings(command).find(|arg| self::key(arg) == key), value.get_ref()) {
                // `echo` is a setting, `[echo]` the table of those that begin so.
                (_, DeValue::Table(inner)) if is_prefix(command, &key) => {
                    entries.extend(self.entries(command, &format!("{key}_"), inner)?);
                }
                (Some(arg), _) => entries.push(self.entry(arg, value)?),
                (None, _) => {
                    let known = settings(command).map(self::key).collect::<Vec<_>>().join(", ");
                    return Err(FileError::Unknown { place: self.place(name.span()), key, known });
                }
            }
        }
        Ok(entries)
    }

    fn entry(&self, arg: &Arg, value: &Spanned<DeValue<'_>>) -> Result<Entry, FileError> {
        let kind = Kind::of(arg);
        let values = match (kind, value.get_ref()) {
            (Kind::Truth, DeValue::Boolean(truth)) => vec![truth.to_string()],
            (Kind::Number, DeValue::Integer(number)) => {
                // Underscores and other bases are TOML's.
                let digits = number.as_str();
                vec![i64::from_str_radix(digits, number.radix()).map_or(digits.to_owned(), |n| n.to_string())]
            }
            (Kind::Text | Kind::Texts, DeValue::String(text)) => vec![text.clone().into_owned()],
            (Kind::Texts, DeValue::Array(texts)) => texts
                .iter()
                .map(|text| match text.get_ref().as_str() {
                    Some(text) => Ok(text.to_owned()),
                    None => Err(self.kind_error(arg, kind, text.span(), text.get_ref())),
                })
                .collect::<Result<_, _>>()?,
            (_, other) => return Err(self.kind_error(arg, kind, value.span(), other)),
        };
        Ok(Entry { id: arg.get_id().to_string(), values, span: value.span() })
    }

    /// Lets the flag judge its value, alone, so that the line can be named: what is wrong in the environment is not the
    /// file's fault.
    fn check(
        &self,
        command: &Command,
        id: &str,
        values: &[String],
        span: Range<usize>,
    ) -> Result<(), FileError> {
        let Some(long) = command.get_arguments().find(|arg| arg.get_id() == id).and_then(Arg::get_long)
        else {
            return Ok(());
        };
        let flags = values.iter().map(|value| format!("--{long}={value}"));
        let name = command.get_name().to_owned();
        let command = command.clone().mut_args(|arg| arg.env(Resettable::Reset));
        match command.try_get_matches_from([name].into_iter().chain(flags)) {
            Ok(_) => Ok(()),
            Err(error) => {
                let whole = error.to_string();
                let why = whole.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Err(FileError::Refused { place: self.place(span), why })
            }
        }
    }

    fn kind_error(&self, arg: &Arg, wanted: Kind, span: Range<usize>, got: &DeValue<'_>) -> FileError {
        FileError::Kind { place: self.place(span), key: key(arg), wanted, got: kind_name(got) }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Place { path: self.path.to_owned(), line }
    }
}

impl Kind {
    fn of(arg: &Arg) -> Self {
        let parses = |id: TypeId| arg.get_value_parser().type_id() == id;
        if matches!(arg.get_action(), ArgAction::Append) {
            Kind::Texts
        } else if parses(TypeId::of::<bool>()) {
            Kind::Truth
        } else if parses(TypeId::of::<u64>()) || parses(TypeId::of::<u16>()) {
            Kind::Number
        } else {
            Kind::Text
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Truth => "true or false",
            Kind::Number => "a whole number",
            Kind::Text => "a text in quotes",
            Kind::Texts => "a text in quotes or a list of them",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

fn is_prefix(command: &Command, key: &str) -> bool {
    settings(command).any(|arg| self::key(arg).strip_prefix(key).is_some_and(|rest| rest.starts_with('_')))
}

fn kind_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
