//! `forebay dev --emulator-config`, as far as the program shows it; `interop/python` sends through it.

use crate::support::{Ended, Folder, Run, forebay};

const THEIRS: &str = include_str!("emulator-config.json");

fn dev(folder: &Folder, text: &str) -> Run {
    folder.write("Config.json", text);
    let arguments = ["dev", "--emulator-config", "Config.json", "--amqp-port", "0", "--http-port", "0"];
    let mut command = forebay(folder, &arguments);
    command.args(["--ready-file", "ready.json"]);
    Run::start(folder, command)
}

#[test]
fn the_emulators_own_file_starts_a_server_without_a_warning() {
    let folder = Folder::new();
    let mut run = dev(&folder, THEIRS);
    run.ready();
    let Ended { code, err, .. } = run.stop();
    assert_eq!(code, Some(0));
    assert!(!err.contains("WARN"), "{err}");
}

#[test]
fn what_is_not_known_is_one_warning_and_the_server_starts() {
    let folder = Folder::new();
    let text = THEIRS
        .replace("\"Name\": \"eh1\",", "\"Name\": \"eh1\", \"Colour\": 1,")
        .replace("\"Type\": \"File\"", "");
    let mut run = dev(&folder, &text.replace("\"UserConfig\"", "\"Extra\": 1, \"UserConfig\""));
    run.ready();
    let Ended { code, err, .. } = run.stop();
    assert_eq!(code, Some(0));
    let warnings: Vec<_> = err.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{err}");
    assert!(warnings[0].contains("Config.json"), "{err}");
    assert!(warnings[0].contains("Extra, UserConfig.NamespaceConfig[0].Entities[0].Colour"), "{err}");
}

#[test]
fn a_wrong_value_ends_the_start_with_file_path_and_fix() {
    let folder = Folder::new();
    let Ended { code, err, .. } = dev(&folder, &THEIRS.replace("\"2\"", "\"two\"")).end();
    assert_ne!(code, Some(0));
    for says in [
        "Config.json",
        "UserConfig.NamespaceConfig[0].Entities[0].PartitionCount",
        "\"two\"",
        "from 1 to 2000",
    ] {
        assert!(err.contains(says), "{says}: {err}");
    }
}
