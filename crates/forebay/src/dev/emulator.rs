//! Microsoft's Event Hubs emulator's `Config.json`, unchanged: `--emulator-config FILE` (docs/reference/http.md §8.1).
//!
//! ```text
//! UserConfig
//! ├─ NamespaceConfig[]    Type "EventHub", Name (both optional)
//! │  └─ Entities[]        Name, PartitionCount (a number, or a text that is one)
//! │     └─ ConsumerGroups[]   Name
//! └─ LoggingConfig        theirs; ours is FOREBAY_LOG
//! ```
//!
//! What it must not say is an error that names file, path and fix; what we do not know is a warning. Names are read as
//! .NET reads them: in any letter case.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail};
use forebay_broker::{Declared, DeclaredHub, DeclaredNamespace};
use forebay_namespace::limits::PARTITIONS_MAX;
use forebay_namespace::names;
use serde_json::{Map, Value};

/// The name that the emulator gives its one namespace, and so does a file that leaves it out.
const NAMESPACE_NAME: &str = "emulatorNs1";
/// The group that every hub has; the emulator does not want it listed, and it does no harm.
const DEFAULT_GROUP: &str = "$Default";
/// A larger file is something else.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a file declares, and the paths in it that are not known.
#[derive(Debug)]
pub(super) struct EmulatorConfig {
    pub(super) declared: Declared,
    unknown: Vec<String>,
}

impl EmulatorConfig {
    /// Reads a file, which may begin with a byte order mark and hold comments.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let about = || format!("--emulator-config {}", path.display());
        let mut text = String::new();
        let file = std::fs::File::open(path).and_then(|file| {
            std::io::Read::read_to_string(&mut std::io::Read::take(file, FILE_BYTES_MAX), &mut text)
        });
        file.context("cannot be read; give the path of a Config.json").with_context(about)?;
        Self::parse(&text).with_context(about)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let text = without_comments(text.strip_prefix('\u{feff}').unwrap_or(text));
        let value: Value = serde_json::from_str(&text).map_err(|error| {
            // Serde's own words end with the place.
            anyhow::anyhow!("it is not JSON: {error}; a missing or a spare comma is the usual cause")
        })?;
        let mut reader = Reader::default();
        let namespaces = reader.file(&value)?;
        Ok(Self { declared: Declared { namespaces }, unknown: reader.unknown })
    }

    /// One line about everything that is not known, if there is such.
    pub(super) fn warning(&self) -> Option<String> {
        (!self.unknown.is_empty()).then(|| format!("not known, and left out: {}", self.unknown.join(", ")))
    }
}

#[derive(Debug, Default)]
struct Reader {
    unknown: Vec<String>,
}

/// An object, and the path that leads to it.
struct Object<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    fn get(&self, key: &str) -> Option<(&'a Value, String)> {
        let (name, value) = self.map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        // Written and null is not given.
        (!value.is_null()).then(|| (value, join(&self.path, name)))
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Reader {
    fn file(&mut self, value: &Value) -> anyhow::Result<Vec<DeclaredNamespace>> {
        let file = object(value, String::new())?;
        self.note_unknown(&file, &["UserConfig"]);
        let Some((user, path)) = file.get("UserConfig") else {
            bail!("UserConfig is missing: write {{\"UserConfig\": {{\"NamespaceConfig\": [ … ]}}}}");
        };
        let user = object(user, path)?;
        self.note_unknown(&user, &["NamespaceConfig", "LoggingConfig"]);
        let mut names = BTreeSet::new();
        let mut namespaces = Vec::new();
        for namespace in required_list(&user, "NamespaceConfig", "[{\"Entities\": [{\"Name\": \"eh1\"}]}]")? {
            let namespace = self.namespace(&namespace)?;
            if !names.insert(namespace.name.to_ascii_lowercase()) {
                bail!(
                    "UserConfig.NamespaceConfig: there are two called '{}'; give one another Name",
                    namespace.name
                );
            }
            namespaces.push(namespace);
        }
        if namespaces.is_empty() {
            bail!("UserConfig.NamespaceConfig is empty: write [{{\"Entities\": [{{\"Name\": \"eh1\"}}]}}]");
        }
        Ok(namespaces)
    }

    fn namespace(&mut self, namespace: &Object<'_>) -> anyhow::Result<DeclaredNamespace> {
        self.note_unknown(namespace, &["Type", "Name", "Entities"]);
        if let Some((kind, path)) = namespace.get("Type")
            && !kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("EventHub"))
        {
            bail!("{path}: found {}; write \"EventHub\", or leave it out", shown(kind));
        }
        let name = match namespace.get("Name") {
            Some((value, path)) => name(value, &path, names::check_namespace)?,
            None => NAMESPACE_NAME.to_owned(),
        };
        let mut seen = BTreeSet::new();
        let mut hubs = Vec::new();
        for entity in required_list(namespace, "Entities", "[{\"Name\": \"eh1\"}]")? {
            let hub = self.hub(&entity)?;
            if !seen.insert(hub.name.to_ascii_lowercase()) {
                bail!("{}: hub '{}' is there already; take one out", entity.path, hub.name);
            }
            hubs.push(hub);
        }
        Ok(DeclaredNamespace { name, hubs })
    }

    fn hub(&mut self, entity: &Object<'_>) -> anyhow::Result<DeclaredHub> {
        self.note_unknown(entity, &["Name", "PartitionCount", "ConsumerGroups"]);
        let name = required_name(entity, names::check_hub, "eh1")?;
        let partitions =
            entity.get("PartitionCount").map(|(value, path)| partitions(value, &path)).transpose()?;
        let mut groups: Vec<String> = Vec::new();
        for group in list(entity, "ConsumerGroups")? {
            self.note_unknown(&group, &["Name"]);
            let is_default = group.get("Name").is_some_and(|(name, _)| {
                name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(DEFAULT_GROUP))
            });
            if is_default {
                continue;
            }
            let name = required_name(&group, names::check_group, "cg1")?;
            if groups.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
                bail!("{}: consumer group '{name}' is there already; take one out", group.path);
            }
            groups.push(name);
        }
        Ok(DeclaredHub { name, partitions, groups })
    }

    fn note_unknown(&mut self, object: &Object<'_>, known: &[&str]) {
        let is_known = |name: &String| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.unknown
            .extend(object.map.keys().filter(|name| !is_known(name)).map(|name| join(&object.path, name)));
    }
}

fn object(value: &Value, path: String) -> anyhow::Result<Object<'_>> {
    match value {
        Value::Object(map) => Ok(Object { path, map }),
        other => {
            let place = if path.is_empty() { "the file" } else { &path };
            bail!("{place}: found {}; write an object, in braces", shown(other))
        }
    }
}

fn required_list<'a>(of: &Object<'a>, key: &str, example: &str) -> anyhow::Result<Vec<Object<'a>>> {
    if of.get(key).is_none() {
        bail!("{} is missing: write \"{key}\": {example}", join(&of.path, key));
    }
    list(of, key)
}

fn list<'a>(of: &Object<'a>, key: &str) -> anyhow::Result<Vec<Object<'a>>> {
    let Some((value, path)) = of.get(key) else { return Ok(Vec::new()) };
    let Value::Array(items) = value else {
        bail!("{path}: found {}; write a list, in brackets", shown(value))
    };
    items.iter().enumerate().map(|(index, item)| object(item, format!("{path}[{index}]"))).collect()
}

type Check = fn(&str) -> Result<(), forebay_namespace::Rejection>;

fn required_name(of: &Object<'_>, check: Check, example: &str) -> anyhow::Result<String> {
    match of.get("Name") {
        Some((value, path)) => name(value, &path, check),
        None => bail!("{} is missing: write \"Name\": \"{example}\"", join(&of.path, "Name")),
    }
}

fn name(value: &Value, path: &str, check: Check) -> anyhow::Result<String> {
    let Value::String(name) = value else { bail!("{path}: found {}; write a name, in quotes", shown(value)) };
    check(name).map_err(|why| anyhow::anyhow!("{path}: {}", why.text))?;
    Ok(name.clone())
}

/// The emulator's schema has a number, its documentation and its own file a text.
fn partitions(value: &Value, path: &str) -> anyhow::Result<u32> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.and_then(|number| u32::try_from(number).ok());
    match number.filter(|number| (1..=PARTITIONS_MAX).contains(number)) {
        Some(number) => Ok(number),
        None => bail!("{path}: found {}; write a number from 1 to {PARTITIONS_MAX}", shown(value)),
    }
}

/// A value as an error shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string().chars().take(80).collect(),
    }
}

/// `//` and `/* */` outside of texts become blanks, so that lines and columns stay.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_text = false;
    while let Some(c) = rest.chars().next() {
        let end = match (in_text, rest) {
            (true, rest) if c == '\\' => {
                let end = c.len_utf8() + rest[1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..end]);
                end
            }
            (false, rest) if rest.starts_with("//") => {
                blank(rest.find('\n').unwrap_or(rest.len()), rest, &mut out)
            }
            (false, rest) if rest.starts_with("/*") => {
                blank(rest.find("*/").map_or(rest.len(), |end| end + 2), rest, &mut out)
            }
            _ => {
                in_text ^= c == '"';
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[end..];
    }
    out
}

fn blank(end: usize, text: &str, out: &mut String) -> usize {
    out.extend(text[..end].chars().map(|c| if c == '\n' { c } else { ' ' }));
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that comes with the emulator.
    const THEIRS: &str = include_str!("../../tests/server/emulator-config.json");

    fn declared(text: &str) -> Vec<DeclaredNamespace> {
        EmulatorConfig::parse(text).unwrap().declared.namespaces
    }

    fn hub(entity: &str) -> Result<DeclaredHub, String> {
        let text = format!("{{\"UserConfig\":{{\"NamespaceConfig\":[{{\"Entities\":[{entity}]}}]}}}}");
        let parsed = EmulatorConfig::parse(&text).map_err(|error| format!("{error:#}"))?;
        Ok(parsed.declared.namespaces[0].hubs[0].clone())
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", EmulatorConfig::parse(text).unwrap_err())
    }

    #[test]
    fn the_emulators_own_file_is_read_without_a_warning() {
        let config = EmulatorConfig::parse(THEIRS).unwrap();
        assert_eq!(config.warning(), None);
        let eh1 = DeclaredHub { name: "eh1".into(), partitions: Some(2), groups: vec!["cg1".into()] };
        let expected = DeclaredNamespace { name: "emulatorNs1".into(), hubs: vec![eh1] };
        assert_eq!(config.declared.namespaces, [expected]);
    }

    #[test]
    fn a_partition_count_is_a_number_or_a_text_that_is_one_or_left_out() {
        assert_eq!(hub(r#"{"Name":"a","PartitionCount":"32"}"#).unwrap().partitions, Some(32));
        assert_eq!(hub(r#"{"Name":"a","PartitionCount":32}"#).unwrap().partitions, Some(32));
        assert_eq!(hub(r#"{"Name":"a","PartitionCount":null}"#).unwrap().partitions, None);
        assert_eq!(hub(r#"{"Name":"a"}"#).unwrap().partitions, None);
        for wrong in ["0", "-1", "2001", "1.5", "\"two\"", "true", "[2]"] {
            let error = hub(&format!("{{\"Name\":\"a\",\"PartitionCount\":{wrong}}}")).unwrap_err();
            assert!(
                error.contains("UserConfig.NamespaceConfig[0].Entities[0].PartitionCount: found"),
                "{error}"
            );
            assert!(error.contains("from 1 to 2000"), "{error}");
        }
    }

    #[test]
    fn type_and_name_of_the_namespace_may_be_left_out_and_letter_case_does_not_count() {
        let text = r#"{"userConfig":{"namespaceConfig":[{"entities":[{"name":"a","consumerGroups":[{"name":"g"}]}]}]}}"#;
        let namespaces = declared(text);
        assert_eq!(namespaces[0].name, "emulatorNs1");
        assert_eq!(namespaces[0].hubs[0].groups, ["g"]);
    }

    #[test]
    fn several_namespaces_are_read() {
        let text = r#"{"UserConfig":{"NamespaceConfig":[
            {"Type":"EventHub","Name":"one","Entities":[]}, {"Type":"EventHub","Name":"two","Entities":[]}]}}"#;
        let names: Vec<_> = declared(text).into_iter().map(|namespace| namespace.name).collect();
        assert_eq!(names, ["one", "two"]);
    }

    #[test]
    fn comments_and_a_byte_order_mark_do_not_matter() {
        let text = format!("\u{feff}// our hubs\n/* all\nof them */{THEIRS} // end");
        assert_eq!(declared(&text), declared(THEIRS));
        let text = without_comments("{\"a\": \"http://x /* y */ \\\" // z\" } // é\n/* é\n */ x");
        assert_eq!(text, "{\"a\": \"http://x /* y */ \\\" // z\" }     \n    \n    x");
        assert!(refusal("/* a\n */ {\"UserConfig\" 1}").contains("line 2 column 19"));
    }

    #[test]
    fn what_is_not_known_is_named_with_its_path_in_one_warning() {
        let text = r#"{"Extra":1,"UserConfig":{"NamespaceConfig":[{"Sku":"x","Entities":[
            {"Name":"a","Properties":{},"ConsumerGroups":[{"Name":"g","Note":"n"}]}]}],
            "LoggingConfig":{"Type":"Console"}}}"#;
        let warning = EmulatorConfig::parse(text).unwrap().warning().unwrap();
        for path in [
            "Extra",
            "UserConfig.NamespaceConfig[0].Sku",
            "UserConfig.NamespaceConfig[0].Entities[0].Properties",
            "UserConfig.NamespaceConfig[0].Entities[0].ConsumerGroups[0].Note",
        ] {
            assert!(warning.contains(path), "{warning}");
        }
        assert!(!warning.contains("LoggingConfig"), "{warning}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path_and_the_fix() {
        let hubs = |entities: &str| {
            format!("{{\"UserConfig\":{{\"NamespaceConfig\":[{{\"Entities\":{entities}}}]}}}}")
        };
        for (text, expected) in [
            ("", "is not JSON"),
            ("[]", "the file: found a list; write an object"),
            ("{}", "UserConfig is missing: write"),
            (r#"{"UserConfig":{}}"#, "UserConfig.NamespaceConfig is missing: write"),
            (r#"{"UserConfig":{"NamespaceConfig":[]}}"#, "UserConfig.NamespaceConfig is empty: write"),
            (r#"{"UserConfig":{"NamespaceConfig":{}}}"#, "NamespaceConfig: found an object; write a list"),
            (r#"{"UserConfig":{"NamespaceConfig":[{}]}}"#, "NamespaceConfig[0].Entities is missing"),
            (
                r#"{"UserConfig":{"NamespaceConfig":[{"Type":"ServiceBus","Entities":[]}]}}"#,
                "write \"EventHub\"",
            ),
            (
                r#"{"UserConfig":{"NamespaceConfig":[{"Name":"a.b","Entities":[]}]}}"#,
                "[0].Name: the namespace name",
            ),
            (
                r#"{"UserConfig":{"NamespaceConfig":[{"Name":"a","Entities":[]},{"Name":"A","Entities":[]}]}}"#,
                "two called 'A'",
            ),
            (&hubs("[{}]"), "Entities[0].Name is missing: write \"Name\": \"eh1\""),
            (&hubs("[1]"), "Entities[0]: found 1; write an object"),
            (&hubs(r#"[{"Name":5}]"#), "Entities[0].Name: found 5; write a name"),
            (&hubs(r#"[{"Name":"a b"}]"#), "Entities[0].Name: the hub name 'a b'"),
            (&hubs(r#"[{"Name":"a"},{"Name":"A"}]"#), "Entities[1]: hub 'A' is there already"),
            (&hubs(r#"[{"Name":"a","ConsumerGroups":[{"Name":"g"},{"Name":"G"}]}]"#), "'G' is there already"),
            (
                &hubs(r#"[{"Name":"a","ConsumerGroups":["g"]}]"#),
                "ConsumerGroups[0]: found \"g\"; write an object",
            ),
        ] {
            let error = refusal(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_default_group_may_be_listed() {
        let hub = hub(r#"{"Name":"a","ConsumerGroups":[{"Name":"$default"},{"Name":"g"}]}"#).unwrap();
        assert_eq!(hub.groups, ["g"]);
    }
}
