//! Every setting works from every source. What is wrong is tested with the real program
//! (`tests/serve_refuses_wrong_settings.rs`).

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use super::*;

/// All that must be given, and what examples need around them.
const BASE: &str = r#"
data = "/base"

[tls]
certificate = "/base/certificate.pem"
key = "/base/key.pem"

[[namespace]]
name = "first"
hosts = ["first.example.org"]

[[namespace]]
name = "orders"
hosts = ["second.example.org"]
"#;

/// A file that goes away.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("forebay-config-{}-{}", std::process::id(), name.replace('.', "-"));
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

fn load(
    name: &str,
    text: &str,
    variables: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, Problems> {
    let file = File::new(name, text);
    let variables = variables.iter().map(|(name, text)| (OsString::from(name), OsString::from(text)));
    let flags = flags.iter().map(|(name, text)| (table::setting(name).unwrap(), OsString::from(text)));
    let sources = Sources { file: Some(&file.0), variables: variables.collect(), flags: flags.collect() };
    Config::load(&sources).map(|loaded| loaded.config)
}

/// The example as it is given where everything is text.
fn plain(example: &str) -> String {
    example.replace(['"', '[', ']'], "").replace(", ", ",")
}

/// The base with the setting set to its example.
fn with_example(setting: &Setting) -> String {
    let line = format!("{} = {}\n", setting.key(), setting.example);
    let header = match setting.section() {
        "" => return format!("{line}{}", BASE.replace(&format!("{} = \"/base\"", setting.key()), "")),
        "tls" => "[tls]\n",
        _ => "[[namespace]]\n",
    };
    let mut text = BASE.to_owned();
    let section = text.find(header).unwrap() + header.len();
    // The section's own line of this key, if it has one, makes way.
    let length = text[section..].find("\n\n").map_or(text.len() - section, |end| end + 1);
    let kept: String = text[section..section + length]
        .lines()
        .filter(|found| !found.starts_with(&format!("{} = ", setting.key())))
        .map(|line| format!("{line}\n"))
        .collect();
    text.replace_range(section..section + length, &format!("{line}{kept}"));
    text
}

#[test]
fn every_setting_is_the_same_from_file_environment_and_flag_and_differs_from_its_default() {
    let base = load("base", BASE, &[], &[]).unwrap();
    for setting in &SETTINGS {
        let from_file = load(setting.name, &with_example(setting), &[], &[]).unwrap();
        assert_ne!(from_file, base, "{} has no effect", setting.name);
        let (variable, text) = (setting.variable().replace("<N>", "1"), plain(setting.example));
        let from_variable = load(setting.name, BASE, &[(&variable, &text)], &[]).unwrap();
        assert_eq!(from_variable, from_file, "{variable}");
        if setting.flag().is_some() {
            let from_flag = load(setting.name, BASE, &[], &[(setting.name, &text)]).unwrap();
            assert_eq!(from_flag, from_file, "--{}", setting.flag().unwrap());
        }
    }
}

#[test]
fn every_default_can_be_written_down() {
    let base = load("base-of-defaults", BASE, &[], &[]).unwrap();
    for setting in SETTINGS.iter().filter(|setting| !setting.is_of_namespace()) {
        let Default::Value(default) = setting.default else { continue };
        let text = format!("{} = {default}\n{BASE}", setting.name);
        assert_eq!(
            load(&format!("default-{}", setting.name), &text, &[], &[]).unwrap(),
            base,
            "{}",
            setting.name
        );
    }
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let text = format!("amqp_port = 1001\nhttp_port = 1002\nhttps_port = 1003\n{BASE}");
    let variables = [("FOREBAY_HTTP_PORT", "2002"), ("FOREBAY_HTTPS_PORT", "2003")];
    let config = load("precedence", &text, &variables, &[("https_port", "3003")]).unwrap();
    let Ports { amqps, https, amqp, http } = config.ports;
    assert_eq!((amqps, amqp, http, https), (Some(5671), Some(1001), Some(2002), Some(3003)));
}

#[test]
fn an_empty_variable_is_not_set() {
    let base = load("empty-base", BASE, &[], &[]).unwrap();
    let variables = [("FOREBAY_AMQP_PORT", ""), ("FOREBAY_NAMESPACE_7_NAME", "")];
    assert_eq!(load("empty", BASE, &variables, &[]).unwrap(), base);
}

#[test]
fn namespaces_can_come_from_the_environment_alone() {
    let variables = [
        ("FOREBAY_NAMESPACE_2_NAME", "two"),
        ("FOREBAY_NAMESPACE_2_HOSTS", "two.example.org"),
        ("FOREBAY_NAMESPACE_1_HOSTS", "One.example.org,*.one.example.org"),
        ("FOREBAY_NAMESPACE_1_NAME", "one"),
    ];
    let config = load("variables", "data = \"/base\"", &variables, &[]).unwrap();
    let found: Vec<_> =
        config.namespaces.iter().map(|namespace| (&*namespace.name, &namespace.hosts[..])).collect();
    let one = ["one.example.org".to_owned(), "*.one.example.org".to_owned()];
    assert_eq!(found, [("one", &one[..]), ("two", &["two.example.org".to_owned()][..])]);
}

#[test]
fn a_variable_with_a_slip_is_told_with_the_one_that_is_meant() {
    let file = File::new("slip", BASE);
    let variables = [("FOREBAY_AMQP_PROT", "1"), ("FOREBAY_SERVICE_HOST", "10.0.0.1"), ("FOREBAY_BIN", "x")];
    let variables = variables.map(|(name, text)| (name.into(), text.into())).to_vec();
    let loaded = Config::load(&Sources { file: Some(&file.0), variables, flags: Vec::new() }).unwrap();
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("did you mean FOREBAY_AMQP_PORT?"), "{:?}", loaded.warnings);
}

#[test]
fn a_tier_sets_limits_and_single_ones_go_before_it() {
    let text = format!("{BASE}tier = \"standard\"\npartitions_max = 64\nretention_max = \"30d\"\n");
    let limits = load("tier", &text, &[], &[]).unwrap().namespaces[1].limits;
    let standard = Limits::tier(Tier::Standard);
    let expected = Limits { partitions_max: 64, retention_ms_max: 30 * 24 * 3_600_000, ..standard };
    assert_eq!(limits, expected);
    assert_eq!(load("open", BASE, &[], &[]).unwrap().namespaces[0].limits, Limits::OPEN);
}

#[test]
fn paths_in_the_file_count_from_its_folder_and_others_do_not() {
    let text = BASE.replace("\"/base\"", "\"data\"");
    let config = load("paths", &text, &[("FOREBAY_READY_FILE", "ready.json")], &[]).unwrap();
    assert_eq!(config.data, std::env::temp_dir().join("data"));
    assert_eq!(config.ready_file, Some("ready.json".into()));
}

#[test]
fn the_example_beside_the_unit_is_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd/forebay.toml");
    let sources = Sources { file: Some(&path), variables: Vec::new(), flags: Vec::new() };
    let config = Config::load(&sources).unwrap().config;
    assert_eq!(config.data, Path::new("/var/lib/forebay"));
    // What it shows as left out must be as sound as what it sets.
    let text = fs::read_to_string(&path).unwrap();
    let all: String = text
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| rest.contains(" = ")).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    load("example", &all, &[], &[]).unwrap();
}
