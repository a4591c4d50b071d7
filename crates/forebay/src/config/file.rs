//! The configuration file: TOML whose every key and value keeps its place.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use forebay_namespace::similar::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::{Given, NamespaceGiven};
use super::kind::Raw;
use super::problem::{Place, Problem, shown};
use super::table::{NAMESPACE, SETTINGS, Setting, of_section, setting};

/// A larger file is something else.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads the file at `path`. What is wrong with single settings goes to `problems`, so that all of it is told at
/// once.
///
/// # Errors
/// When the file cannot be read, or is not TOML.
pub(super) fn read(path: &Path, problems: &mut Vec<Problem>) -> Result<Given, Problem> {
    let whole = |found: String, fix: &str| {
        Problem::new(&Place::WholeFile(path.to_owned()), "the configuration file", found, fix)
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            whole(format!("cannot be read: {error}"), "give the path of a readable file with --config")
        })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(whole(
            format!("has more than {FILE_BYTES_MAX} bytes"),
            "give a configuration with --config",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..sound]).into_owned();
        let place = Source { path, text: &before }.place(sound);
        Problem::new(&place, "the configuration file", "is not UTF-8 from here on", "save it as UTF-8")
    })?;
    parse(path, text.strip_prefix('\u{feff}').unwrap_or(&text), problems)
}

/// As [`read`], of a text.
pub(super) fn parse(path: &Path, text: &str, problems: &mut Vec<Problem>) -> Result<Given, Problem> {
    let source = Source { path, text };
    let document = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or(Place::WholeFile(path.to_owned()), |span| source.place(span.start));
        if error.message().contains("duplicate key")
            && let Some(span) = error.span()
        {
            return source.twice(&span);
        }
        let fix =
            "write lines such as `key = value`, with texts in quotes and sections as [tls] or [[namespace]]";
        Problem::new(
            &place,
            "the configuration file",
            format!("is not TOML: {}", error.message().trim()),
            fix,
        )
    })?;
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut reader = Reader { source, base, problems };
    Ok(reader.document(document.get_ref()))
}

/// The file's text, to find lines in.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, byte: usize) -> Place {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let before = &self.text[..byte];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place::File { path: self.path.to_owned(), line, column }
    }

    /// A key that its section has already. The earlier line is looked for up to the section's header.
    fn twice(&self, span: &Range<usize>) -> Problem {
        let place = self.of(span);
        let key = self.text.get(span.clone()).unwrap_or_default().trim();
        let before = self.text.get(..span.start).unwrap_or_default();
        let lines: Vec<&str> = before.lines().collect();
        let section = lines.iter().rposition(|line| line.trim_start().starts_with('[')).unwrap_or(0);
        let is_it = |line: &&str| line.split_once('=').is_some_and(|(found, _)| found.trim() == key);
        let first = lines[section..].iter().position(is_it).map(|index| section + index + 1);
        let found = match first {
            Some(line) => format!("duplicate key: it is given in line {line} already"),
            None => "duplicate key: it is given already".to_owned(),
        };
        Problem::new(&place, shown(key), found, "leave one of the two")
    }

    fn of(&self, span: &Range<usize>) -> Place {
        self.place(span.start)
    }
}

struct Reader<'a> {
    source: Source<'a>,
    base: PathBuf,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn document(&mut self, document: &DeTable<'_>) -> Given {
        let mut given = Given::default();
        for (key, value) in document {
            let name = key.get_ref().as_ref();
            let place = self.source.of(&key.span());
            match (value.get_ref(), setting(name).filter(|setting| setting.section().is_empty())) {
                (_, Some(setting)) => self.take(setting, value, &mut given.values),
                (DeValue::Array(tables), None) if name == NAMESPACE => {
                    for table in tables {
                        self.namespace(table, &mut given);
                    }
                }
                (other, None) if name == NAMESPACE => {
                    let fix =
                        "write [[namespace]], in double brackets, above lines such as name = \"orders\"";
                    self.problems.push(Problem::new(&place, NAMESPACE, format!("found {}", a(other)), fix));
                }
                (DeValue::Table(table), None) if of_section(name).next().is_some() => {
                    self.section(name, table, &mut given.values);
                }
                (value, None) => self.unknown("", name, &place, value.is_table()),
            }
        }
        given
    }

    fn namespace(&mut self, table: &Spanned<DeValue<'_>>, given: &mut Given) {
        let place = self.source.of(&table.span());
        let DeValue::Table(keys) = table.get_ref() else {
            let fix = "write [[namespace]] above lines such as name = \"orders\"";
            self.problems.push(Problem::new(&place, NAMESPACE, format!("found {}", a(table.get_ref())), fix));
            return;
        };
        let mut values = BTreeMap::new();
        self.section(NAMESPACE, keys, &mut values);
        given.namespaces.push(NamespaceGiven { place, values });
    }

    fn section(
        &mut self,
        section: &str,
        table: &DeTable<'_>,
        values: &mut BTreeMap<&'static str, (super::Value, Place)>,
    ) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match of_section(section).find(|setting| setting.key() == name) {
                Some(setting) => self.take(setting, value, values),
                None => {
                    let place = self.source.of(&key.span());
                    self.unknown(section, name, &place, value.get_ref().is_table());
                }
            }
        }
    }

    fn take(
        &mut self,
        setting: &'static Setting,
        value: &Spanned<DeValue<'_>>,
        values: &mut BTreeMap<&'static str, (super::Value, Place)>,
    ) {
        let place = self.source.of(&value.span());
        match setting.kind.read(&self.raw(value.get_ref()), &self.base) {
            Ok(value) => {
                values.insert(setting.name, (value, place));
            }
            Err(wrong) => {
                let place = wrong.place.unwrap_or(place);
                self.problems.push(Problem::new(&place, setting.name, wrong.found, wrong.fix));
            }
        }
    }

    fn raw(&self, value: &DeValue<'_>) -> Raw {
        match value {
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Boolean(switch) => Raw::Switch(*switch),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or(Raw::Other("a number that is too large"), Raw::Integer),
            DeValue::Array(items) => Raw::List(
                items.iter().map(|item| (self.raw(item.get_ref()), self.source.of(&item.span()))).collect(),
            ),
            other => Raw::Other(a(other)),
        }
    }

    fn unknown(&mut self, section: &str, name: &str, place: &Place, is_table: bool) {
        let written = match (section, is_table) {
            ("", true) => format!("[{}]", shown(name)),
            ("", false) => shown(name),
            _ => format!("{section}.{}", shown(name)),
        };
        let found = if is_table { "there is no such section" } else { "there is no such setting" };
        self.problems.push(Problem::new(place, written, found, meant(section, name, is_table)));
    }
}

/// What whoever wrote `name` into `section` may have meant.
fn meant(section: &str, name: &str, is_table: bool) -> String {
    if is_table {
        return match nearest(name, ["tls", NAMESPACE]) {
            Some("tls") => "did you mean [tls]?".to_owned(),
            Some(_) => "did you mean [[namespace]]?".to_owned(),
            None => "there are [tls] and [[namespace]]".to_owned(),
        };
    }
    if section == NAMESPACE && name.to_ascii_lowercase().contains("key") {
        return "keys are generated, and written into the folder keys of the data folder; leave it out"
            .to_owned();
    }
    // Right, but in another section: a key behind a header belongs to that header.
    if let Some(setting) = SETTINGS.iter().find(|setting| setting.key() == name) {
        return match setting.section() {
            "" => "it stands above the first section: move it to the top of the file".to_owned(),
            NAMESPACE => "it belongs under a [[namespace]]: move it there".to_owned(),
            section => format!("it belongs under [{section}]: move it there"),
        };
    }
    match nearest(name, of_section(section).map(Setting::key)) {
        Some(key) => format!("did you mean {key}?"),
        None => {
            let known: Vec<_> = of_section(section).map(Setting::key).collect();
            format!("there are {}", known.join(", "))
        }
    }
}

fn a(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
