//! What a start says before a person is surprised.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::certificates::write;
use crate::support::{Folder, Run, forebay, serve};

const PORTS: &str = "data = \"data\"\nlisten = \"127.0.0.1\"\namqp_port = 0\nhttp_port = 0\n";
const ORDERS: &str = "[[namespace]]\nname = \"orders\"\nhosts = [\"localhost\"]\n";

fn dev(folder: &Folder, arguments: &[&str]) -> Run {
    let all =
        [&["dev", "--amqp-port", "0", "--http-port", "0", "--ready-file", "ready.json"], arguments].concat();
    Run::start(folder, forebay(folder, &all))
}

#[test]
fn a_certificate_for_other_hosts_is_told_with_the_place_of_the_hosts() {
    let folder = Folder::new();
    write(&folder, &["shop.example.com", "*.wild.example"]);
    let text =
        "data = \"data\"\namqps_port = 0\nhttps_port = \"off\"\namqp_port = \"off\"\nhttp_port = \"off\"
[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"
[[namespace]]\nname = \"orders\"\nhosts = [\"orders.example.org\", \"a.wild.example\"]
[[namespace]]\nname = \"shop\"\nhosts = [\"shop.example.com\", \"*.other.example\"]\n";
    let mut run = serve(&folder, text);
    run.ready();
    let ended = run.stop();
    let says = "certificate.pem is for shop.example.com, *.wild.example, not for orders.example.org of namespace 'orders'";
    assert!(ended.err.contains("forebay.toml:11:9: namespace.hosts: "), "{}", ended.err);
    assert!(ended.err.contains(says), "{}", ended.err);
    assert_eq!(ended.err.matches(" WARN ").count(), 1, "{}", ended.err);
}

#[test]
fn a_health_check_over_tls_checks_the_certificate_for_the_name_that_clients_use() {
    let folder = Folder::new();
    write(&folder, &["orders.example.org"]);
    let text = "data = \"data\"\nlisten = \"127.0.0.1\"\namqps_port = 0\nhttps_port = 0\namqp_port = \"off\"
http_port = \"off\"\n[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"
[[namespace]]\nname = \"orders\"\nhosts = [\"orders.example.org\"]\n";
    let mut run = serve(&folder, text);
    let url = format!("https://{}", run.ready()["https"].as_str().unwrap());
    let check = |arguments: &[&str]| {
        let done = forebay(&folder, &[&["healthcheck"], arguments].concat()).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let file = ["--ready-file", "ready.json"];
    let trust = ["--ca-file", "certificate.pem"];
    assert_eq!(check(&[file, trust].concat()), (Some(0), String::new()));
    assert_eq!(check(&[file, ["--timeout", "9"]].concat()).0, Some(1), "nobody trusts it");
    let by_address = [["--http", &url], trust].concat();
    let (code, told) = check(&by_address);
    assert!(code == Some(1) && told.contains("not for the name '127.0.0.1'"), "{told}");
    let named = [&by_address[..], &["--host", "orders.example.org"]].concat();
    assert_eq!(check(&named), (Some(0), String::new()));
    assert_eq!(run.stop().code, Some(0));
}

#[test]
fn a_key_that_was_replaced_is_in_its_file_while_the_server_runs() {
    let folder = Folder::new();
    let mut run = serve(&folder, &format!("{PORTS}{ORDERS}"));
    let ready = run.ready();
    let before = folder.read("data/keys/orders.txt");
    let port = ready["http"].as_str().unwrap().rsplit(':').next().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let regenerate = ["policy", "regenerate", "RootManageSharedAccessKey", "--key", "primary"];
    let of = ["--namespace", "orders", "--url", &url, "--connection-string", before.trim()];
    let done = forebay(&folder, &[&regenerate[..], &of].concat()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let started = Instant::now();
    while folder.read("data/keys/orders.txt") == before {
        assert!(started.elapsed() < Duration::from_secs(10), "the dead key stays");
        std::thread::sleep(Duration::from_millis(5));
    }
    let key = folder.read("data/keys/orders.txt");
    let key = key.trim().split(';').find_map(|part| part.strip_prefix("SharedAccessKey=")).unwrap();
    assert!(String::from_utf8_lossy(&done.stdout).contains(key));
    assert_eq!(run.stop().code, Some(0));
}

#[test]
fn a_hangup_leaves_a_server_for_others_running_and_stops_one_of_a_terminal_in_order() {
    let folder = Folder::new();
    let mut run = serve(&folder, &format!("{PORTS}{ORDERS}"));
    run.ready();
    run.signal(Signal::HUP);
    run.said("read at the start only; restart to use new ones");
    let ended = run.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!folder.path("ready.json").exists());

    let mut run = dev(&folder, &[]);
    run.ready();
    run.signal(Signal::HUP);
    let ended = run.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("hung up") && !folder.path("ready.json").exists(), "{}", ended.err);
}

#[test]
fn dev_on_a_folder_of_serve_says_how_its_namespaces_are_reached() {
    let folder = Folder::new();
    let mut run = serve(&folder, &format!("{PORTS}{ORDERS}"));
    run.ready();
    assert_eq!(run.stop().code, Some(0));
    let mut run = dev(&folder, &["--data", "data"]);
    run.ready();
    let ended = run.stop();
    assert!(ended.err.contains("beside the default one"), "{}", ended.err);
    assert!(ended.err.contains("orders; connect to orders.localhost"), "{}", ended.err);
}

#[test]
fn wrong_usage_of_dev_exits_with_2_and_a_bad_folder_is_told_once_with_its_fix() {
    let folder = Folder::new();
    let refused = |arguments: &[&str], code, says: &str| {
        let ended = dev(&folder, arguments).end();
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(ended.err.contains(says), "missing {says}: {}", ended.err);
        ended.err
    };
    refused(&["--durability", "disk"], 2, "add --data DIR");
    refused(&["--memory-bytes", "1GB"], 2, "such as 512MiB");
    refused(&["--memory-bytes", "1MiB"], 2, "is too small");
    folder.write("file", "");
    let told = refused(&["--data", "file/below"], 1, "give a folder that this user may write");
    assert_eq!(told.matches("os error").count(), 1, "{told}");
}

#[test]
fn a_folder_that_another_server_has_is_told_with_its_process_and_one_fix() {
    let folder = Folder::new();
    let mut first = dev(&folder, &["--data", "data"]);
    first.ready();
    let holder =
        format!("is in use by another process ({}); stop that one, or give another folder\n", first.id());
    let second = ["dev", "--amqp-port", "0", "--http-port", "0", "--data", "data"];
    let refused = forebay(&folder, &second).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).ends_with(&holder), "{refused:?}");
    folder.write("forebay.toml", format!("{PORTS}{ORDERS}"));
    let refused = forebay(&folder, &["serve", "--config", "forebay.toml"]).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("forebay.toml:1:8: data") && told.ends_with(&holder), "{told}");
    assert_eq!(first.stop().code, Some(0));
}

#[test]
fn a_start_without_anything_names_the_configuration_file_and_its_example() {
    let folder = Folder::new();
    let ended = Run::start(&folder, forebay(&folder, &["serve"])).end();
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("--config FILE (packaging/systemd/forebay.toml"), "{}", ended.err);
}

#[test]
fn log_rules_of_the_environment_that_would_silence_everything_are_refused() {
    let folder = Folder::new();
    let mut command = forebay(&folder, &["dev", "--amqp-port", "0", "--http-port", "0"]);
    command.env("FOREBAY_LOG", "verbose");
    let ended = Run::start(&folder, command).end();
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("FOREBAY_LOG") && ended.err.contains("error, warn, info"), "{}", ended.err);
}
