//! What was given, from where: the file below the environment, the environment below the flags.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use forebay_namespace::similar::nearest;

use super::kind::{Kind, Raw, Value};
use super::problem::{Place, Problem};
use super::table::{Default as TableDefault, NAMESPACE, PREFIX, SETTINGS, Setting, of_section};

/// Values by the settings' names, with their places.
pub(super) type Values = BTreeMap<&'static str, (Value, Place)>;

/// Everything that was given.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Of all settings but the namespaces'.
    pub(super) values: Values,
    /// In the order of the file.
    pub(super) namespaces: Vec<NamespaceGiven>,
}

/// One namespace.
#[derive(Debug)]
pub(super) struct NamespaceGiven {
    /// Its header in the file, or what else made it.
    pub(super) place: Place,
    pub(super) values: Values,
}

impl Given {
    /// Lays the environment over what is there. Returns names of variables that look like a setting's with a
    /// slip, each with the one that may be meant: not errors, since container platforms make up variables of this shape.
    pub(super) fn environment(
        &mut self,
        variables: &[(OsString, OsString)],
        problems: &mut Vec<Problem>,
    ) -> Vec<(String, String)> {
        let mut slips = Vec::new();
        let mut of_namespaces: BTreeMap<usize, Vec<(&str, &OsStr)>> = BTreeMap::new();
        for (name, text) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            // An empty one is one that is not set: compose files cannot leave it out.
            if text.is_empty() {
                continue;
            }
            if let Some((number, _)) = namespace_variable(name) {
                of_namespaces.entry(number).or_default().push((name, text));
                continue;
            }
            let known = || SETTINGS.iter().filter(|setting| !setting.is_of_namespace());
            match known().find(|setting| setting.variable() == name) {
                Some(setting) => take(setting, name, text, &mut self.values, problems),
                None => {
                    // Without what all have in common: slips are counted against the length.
                    let rest = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
                    let names: Vec<_> = known().map(|setting| rest(&setting.variable())).collect();
                    if let Some(meant) = nearest(&rest(name), names.iter().map(String::as_str)) {
                        slips.push((name.to_owned(), format!("{PREFIX}{meant}")));
                    }
                }
            }
        }
        for (number, variables) in of_namespaces {
            self.namespace_of_environment(number, &variables, problems);
        }
        slips
    }

    fn namespace_of_environment(
        &mut self,
        number: usize,
        variables: &[(&str, &OsStr)],
        problems: &mut Vec<Problem>,
    ) {
        for (name, text) in variables {
            let place = Place::Variable((*name).to_owned());
            if number > self.namespaces.len() + 1 || number == 0 {
                let found = format!("there are {} namespaces before it", self.namespaces.len());
                let fix = "number them from 1, without a gap, those of the file first";
                problems.push(Problem::new(&place, NAMESPACE, found, fix));
                continue;
            }
            let key = namespace_variable(name).map_or(String::new(), |(_, key)| key.to_ascii_lowercase());
            let Some(setting) = of_section(NAMESPACE).find(|setting| setting.key() == key) else {
                let known: Vec<_> =
                    of_section(NAMESPACE).map(|setting| setting.key().to_ascii_uppercase()).collect();
                let fix = format!("end it with one of {}", known.join(", "));
                problems.push(Problem::new(&place, NAMESPACE, "there is no such setting", fix));
                continue;
            };
            if number > self.namespaces.len() {
                self.namespaces.push(NamespaceGiven { place, values: Values::new() });
            }
            take(setting, name, text, &mut self.namespaces[number - 1].values, problems);
        }
    }

    /// Lays flags over what is there.
    pub(super) fn flags(&mut self, flags: &[(&'static Setting, OsString)], problems: &mut Vec<Problem>) {
        for (setting, text) in flags {
            let flag = format!("--{}", setting.flag().unwrap_or_default());
            take_text(setting, Place::Flag(flag), text, &mut self.values, problems);
        }
    }

    /// Puts the table's defaults below what is there.
    pub(super) fn defaults(&mut self) {
        for setting in SETTINGS.iter().filter(|setting| !setting.is_of_namespace()) {
            if let Some(value) = default_of(setting) {
                self.values.entry(setting.name).or_insert((value, Place::Default));
            }
        }
    }
}

/// A setting's default, read as the file's values are.
pub(super) fn default_of(setting: &'static Setting) -> Option<Value> {
    let TableDefault::Value(text) = setting.default else { return None };
    // The values of the table are written as in the file.
    let mut problems = Vec::new();
    let line = format!("{} = {text}", setting.name);
    let mut given = super::file::parse(Path::new("default"), &line, &mut problems).ok()?;
    given.values.remove(setting.name).map(|(value, _)| value)
}

/// `FOREBAY_NAMESPACE_<N>_KEY` in its parts.
fn namespace_variable(name: &str) -> Option<(usize, &str)> {
    let rest = name.strip_prefix(PREFIX)?.strip_prefix("NAMESPACE_")?;
    let (number, key) = rest.split_once('_')?;
    Some((number.parse().ok()?, key))
}

fn take(
    setting: &'static Setting,
    name: &str,
    text: &OsStr,
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    take_text(setting, Place::Variable(name.to_owned()), text, values, problems);
}

fn take_text(
    setting: &'static Setting,
    place: Place,
    text: &OsStr,
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    let read = match (setting.kind, text.to_str()) {
        // Paths are what the system says they are.
        (Kind::Path, None) => Ok(Value::Path(text.into())),
        (_, None) => {
            problems.push(Problem::new(&place, setting.name, "is not UTF-8", "give it in UTF-8"));
            return;
        }
        (kind, Some(text)) => kind.read(&Raw::of_text(kind, text, &place), Path::new("")),
    };
    match read {
        Ok(value) => {
            values.insert(setting.name, (value, place));
        }
        Err(mut wrong) => {
            // What Kubernetes sets for a service called `forebay-amqp`, say.
            if matches!(place, Place::Variable(_))
                && text.to_str().is_some_and(|text| text.starts_with("tcp://"))
            {
                wrong.fix.push_str(
                    "; Kubernetes sets such a value for a service of that name: turn it off with \
                     enableServiceLinks: false",
                );
            }
            problems.push(Problem::new(&place, setting.name, wrong.found, wrong.fix));
        }
    }
}
