//! Each wrong setting ends the start with its place and the fix, and leaves nothing behind.

use crate::support::{Folder, Run, forebay};

/// What a configuration needs, behind the line that is tried; the ports are free ones.
const REST: &str = "data = \"data\"
[[namespace]]
name = \"orders\"
hosts = [\"orders.example.org\"]
";

struct Case {
    name: &'static str,
    text: String,
    variables: Vec<(&'static str, &'static str)>,
    flags: Vec<&'static str>,
    /// All of it must be in what is said.
    says: Vec<&'static str>,
}

fn case(name: &'static str, text: impl Into<String>, says: &[&'static str]) -> Case {
    Case { name, text: text.into(), variables: Vec::new(), flags: Vec::new(), says: says.to_vec() }
}

/// A line at the top: line 1.
fn top(name: &'static str, line: &str, says: &[&'static str]) -> Case {
    case(name, format!("{line}\n{REST}"), says)
}

/// A line of the namespace: line 5.
fn of_namespace(name: &'static str, line: &str, says: &[&'static str]) -> Case {
    case(name, format!("{REST}{line}\n"), says)
}

fn variable(name: &'static str, value: &'static str, says: &[&'static str]) -> Case {
    Case { variables: vec![(name, value)], ..case(name, REST, says) }
}

fn flag(flag: &'static str, says: &[&'static str]) -> Case {
    Case { flags: vec![flag], ..case(flag, REST, says) }
}

fn cases() -> Vec<Case> {
    let mut cases = syntax_and_names();
    cases.extend(values());
    cases.extend(namespaces());
    cases.extend(listeners());
    cases.extend(other_sources());
    cases
}

fn syntax_and_names() -> Vec<Case> {
    vec![
        top("no value", "amqp_port =", &["forebay.toml:1:", "not TOML", "key = value"]),
        top("no quotes", "log = info", &["forebay.toml:1:7", "not TOML"]),
        top("open text", "log = \"info", &["forebay.toml:1:", "not TOML"]),
        case(
            "twice",
            format!("{REST}name = \"again\"\n"),
            &["forebay.toml:5:1: name", "duplicate key", "line 3 already"],
        ),
        case("open section", format!("{REST}[tls\n"), &["forebay.toml:5:", "not TOML"]),
        top("slip", "amqp_prot = 5672", &["forebay.toml:1:1: amqp_prot", "did you mean amqp_port?"]),
        top("unknown", "colour = 1", &["forebay.toml:1:1: colour", "there is no such setting", "amqps_port"]),
        case("section slip", format!("{REST}[tsl]\n"), &["forebay.toml:5:", "[tsl]", "did you mean [tls]?"]),
        case(
            "unknown section",
            format!("{REST}[kafka]\nport = 9092\n"),
            &["forebay.toml:5:", "[kafka]", "no such section", "[[namespace]]"],
        ),
        case(
            "top setting behind a section",
            format!("{REST}amqp_port = 5672\n"),
            &["forebay.toml:5:1: namespace.amqp_port", "move it to the top of the file"],
        ),
        top(
            "setting of a section at the top",
            "certificate = \"c\"",
            &["forebay.toml:1:1", "belongs under [tls]"],
        ),
        case(
            "namespace in single brackets",
            "data = \"data\"\n[namespace]\nname = \"orders\"\n",
            &["forebay.toml:2:", "namespace: found a section", "[[namespace]], in double brackets"],
        ),
        case(
            "namespace as a text",
            "data = \"data\"\nnamespace = \"orders\"\n",
            &["forebay.toml:2:1: namespace: found a text", "write [[namespace]]"],
        ),
        case(
            "namespaces as texts",
            "data = \"data\"\nnamespace = [\"orders\"]\n",
            &["forebay.toml:2:14: namespace: found a text", "write [[namespace]]"],
        ),
        of_namespace(
            "unknown in a namespace",
            "host = \"a\"",
            &["forebay.toml:5:1: namespace.host", "hosts?"],
        ),
        of_namespace(
            "the well-known key",
            "shared_access_key = \"SAS_KEY_VALUE\"",
            &["forebay.toml:5:1: namespace.shared_access_key", "keys are generated"],
        ),
        top(
            "a key in another letter case",
            "Data = \"data\"",
            &["forebay.toml:1:1: Data", "no such setting"],
        ),
    ]
}

fn values() -> Vec<Case> {
    vec![
        top("port too large", "amqp_port = 70000", &["1:13: amqp_port: found 70000", "0 to 65535"]),
        top("negative port", "http_port = -1", &["1:13: http_port: found -1", "0 to 65535"]),
        top("port in quotes", "http_port = \"5300\"", &["1:13: http_port: found \"5300\"", "\"off\""]),
        top("port with a fraction", "http_port = 1.5", &["1:13", "a number with a fraction", "0 to 65535"]),
        top("port switched", "amqp_port = false", &["1:13: amqp_port: found false", "\"off\""]),
        top("switch in quotes", "allow_plaintext = \"yes\"", &["1:19", "found \"yes\"", "true or false"]),
        top("switch as a number", "create_on_first_use = 1", &["1:23", "found 1", "true or false"]),
        top("unknown durability", "durability = \"fsync\"", &["1:14", "\"fsync\"", "\"disk\", \"os\""]),
        top("memory is no durability", "durability = \"memory\"", &["1:14", "\"disk\", \"os\""]),
        top("duration without unit", "stop_timeout = 10", &["1:16: stop_timeout: found 10", "\"30s\""]),
        top("unknown unit", "stop_timeout = \"10 sec\"", &["1:16", "\"10 sec\"", "ms, s, m, h, d"]),
        top("negative duration", "clock_skew = \"-5m\"", &["1:14: clock_skew", "\"-5m\"", "from 0s to 1d"]),
        top("duration too long", "clock_skew = \"2d\"", &["1:14: clock_skew", "from 0s to 1d"]),
        top("too little memory", "memory_budget = \"1MiB\"", &["1:17: memory_budget", "from 64 MiB"]),
        top("bytes with a wrong unit", "memory_budget = \"1GB\"", &["1:17", "KiB, MiB, GiB"]),
        top(
            "no level",
            "log = \"verbose\"",
            &["1:7: log", "\"verbose\"", "error, warn, info, debug or trace"],
        ),
        top("log rules", "log = \"info,=\"", &["1:7: log", "error, warn, info"]),
        top("empty path", "ready_file = \"\"", &["1:14: ready_file", "give a path"]),
        case(
            "data as a number",
            REST.replace("\"data\"", "1"),
            &["1:8: data: found 1", "give a path in quotes"],
        ),
        case("data as a list", REST.replace("\"data\"", "[\"a\"]"), &["1:8: data: found a list"]),
    ]
}

fn namespaces() -> Vec<Case> {
    let second =
        |name: &str, host: &str| format!("{REST}\n[[namespace]]\nname = \"{name}\"\nhosts = [\"{host}\"]\n");
    vec![
        case("no data", REST.replace("data = \"data\"", ""), &["forebay.toml: data: is not given", "--data"]),
        case(
            "no namespace",
            "data = \"data\"\n",
            &["forebay.toml: namespace: there is none", "[[namespace]]"],
        ),
        case("empty file", "", &["2 settings are wrong", "data: is not given", "namespace: there is none"]),
        case(
            "no name",
            "data = \"data\"\n[[namespace]]\nhosts = [\"a.example\"]\n",
            &["forebay.toml:2:", "namespace.name: is missing", "add name"],
        ),
        case(
            "nobody leads there",
            "data = \"data\"\n[[namespace]]\nname = \"orders\"\n",
            &["forebay.toml:3:8: namespace.hosts", "hosts = [\"orders.example.org\"]", "default_namespace"],
        ),
        case(
            "bad name",
            REST.replace("\"orders\"", "\"or_ders\""),
            &["3:8: namespace.name", "letters, digits"],
        ),
        case(
            "duplicate name",
            second("Orders", "b.example"),
            &["7:8: namespace.name", "'Orders' already", "another name"],
        ),
        case(
            "duplicate host",
            second("b", "ORDERS.example.org"),
            &["8:10: namespace.hosts", "namespace 'orders' already"],
        ),
        case(
            "bad host",
            second("b", "sb://b.example"),
            &["8:10: namespace.hosts", "without scheme and port"],
        ),
        case("host with port", second("b", "b.example:5671"), &["8:10", "without scheme and port"]),
        case("bad host pattern", second("b", "b.*.example"), &["8:10", "'*.' and a suffix"]),
        case(
            "hosts as a number",
            REST.replace("[\"orders.example.org\"]", "5"),
            &["4:9: namespace.hosts: found 5"],
        ),
        case(
            "no hosts in the list",
            REST.replace("\"orders.example.org\"", ""),
            &["4:9: namespace.hosts: found a list"],
        ),
        top(
            "default that is not there",
            "default_namespace = \"ordres\"",
            &["1:21", "did you mean \"orders\"?"],
        ),
        top(
            "default that is far",
            "default_namespace = \"x\"",
            &["1:21", "no namespace 'x'", "one of orders"],
        ),
        of_namespace("unknown tier", "tier = \"gold\"", &["5:8: namespace.tier", "\"premium\""]),
        of_namespace("no partitions", "partitions_max = 0", &["5:18", "found 0", "from 1 to 2000"]),
        of_namespace("too many hubs", "hubs_max = 10001", &["5:12", "from 1 to 10000"]),
        of_namespace("retention without unit", "retention_max = 7", &["5:17", "found 7", "\"7d\""]),
        of_namespace("growth in quotes", "partition_growth = \"no\"", &["5:20", "true or false"]),
    ]
}

fn listeners() -> Vec<Case> {
    let tls = |tls: &str| format!("{REST}[tls]\n{tls}\n");
    vec![
        top("bad address", "listen = \"localhost\"", &["1:10: listen: found \"localhost\"", "127.0.0.1"]),
        top(
            "address with port",
            "listen = [\"127.0.0.1\", \"::1:80:\"]",
            &["1:24: listen", "ports have settings"],
        ),
        top("no address", "listen = []", &["1:10: listen: found a list"]),
        top(
            "plaintext beyond loopback",
            "listen = \"0.0.0.0\"",
            &["1:10: listen", "0.0.0.0 is beyond", "allow_plaintext"],
        ),
        top(
            "one of them beyond",
            "listen = [\"::1\", \"10.1.2.3\"]",
            &["1:10: listen", "10.1.2.3 is beyond", "[tls]"],
        ),
        top(
            "same port twice",
            "amqp_port = 7001\nhttp_port = 7001",
            &["2:13: http_port", "7001", "amqp_port too"],
        ),
        top("the default of another", "amqp_port = 5300", &["1:13: amqp_port", "the port of http_port too"]),
        top("TLS port without TLS", "amqps_port = 5671", &["1:14: amqps_port", "no certificate", "[tls]"]),
        top(
            "everything off",
            "amqp_port = \"off\"\nhttp_port = \"off\"",
            &["forebay.toml: listen: every listener is off"],
        ),
        case(
            "certificate alone",
            tls("certificate = \"c.pem\""),
            &["6:15: tls.key: is not given", "give tls.key too"],
        ),
        case(
            "key alone",
            tls("key = \"k.pem\""),
            &["6:7: tls.certificate: is not given", "give tls.certificate too"],
        ),
        case(
            "unknown in tls",
            tls("cert = \"c.pem\""),
            &["6:1: tls.cert: there is no such setting", "certificate, key"],
        ),
        case(
            "plaintext port that nothing may serve",
            format!("listen = \"192.0.2.1\"\namqp_port = 5672\n{}", tls("certificate = \"c\"\nkey = \"k\"")),
            &["2:13: amqp_port", "beyond this machine", "allow_plaintext = true"],
        ),
    ]
}

fn other_sources() -> Vec<Case> {
    vec![
        variable(
            "FOREBAY_AMQP_PORT",
            "tcp://10.0.0.1:5672",
            &["variable FOREBAY_AMQP_PORT", "0 to 65535", "Kubernetes"],
        ),
        variable(
            "FOREBAY_ALLOW_PLAINTEXT",
            "1",
            &["variable FOREBAY_ALLOW_PLAINTEXT", "found \"1\"", "true or false"],
        ),
        variable("FOREBAY_LISTEN", "127.0.0.1,", &["variable FOREBAY_LISTEN: listen", "give IP addresses"]),
        variable(
            "FOREBAY_NAMESPACE_3_NAME",
            "b",
            &["variable FOREBAY_NAMESPACE_3_NAME", "number them from 1"],
        ),
        variable(
            "FOREBAY_NAMESPACE_0_NAME",
            "b",
            &["variable FOREBAY_NAMESPACE_0_NAME", "number them from 1"],
        ),
        variable("FOREBAY_NAMESPACE_1_SKU", "b", &["variable FOREBAY_NAMESPACE_1_SKU", "NAME, HOSTS"]),
        variable(
            "FOREBAY_NAMESPACE_2_NAME",
            "b",
            &["variable FOREBAY_NAMESPACE_2_NAME", "no host name leads to 'b'"],
        ),
        variable("FOREBAY_NAMESPACE_1_TIER", "gold", &["variable FOREBAY_NAMESPACE_1_TIER", "\"premium\""]),
        variable("FOREBAY_TLS_KEY", "k.pem", &["variable FOREBAY_TLS_KEY: tls.certificate: is not given"]),
        flag("--amqp-port=70000", &["flag --amqp-port: amqp_port: found 70000", "0 to 65535"]),
        flag("--durability=none", &["flag --durability", "\"disk\", \"os\""]),
        flag("--default-namespace=x", &["flag --default-namespace", "one of orders"]),
        flag("--colour=1", &["unexpected argument '--colour'"]),
        flag("--config=missing.toml", &["missing.toml", "cannot be read", "--config"]),
        flag("--config=.", &[".", "cannot be read", "--config"]),
    ]
}

#[test]
fn every_wrong_setting_ends_the_start_with_its_place_and_the_fix_and_leaves_nothing_behind() {
    let cases = cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let folder = Folder::new();
        folder.write("forebay.toml", &case.text);
        let mut arguments = vec!["serve"];
        if !case.flags.iter().any(|flag| flag.starts_with("--config")) {
            arguments.extend(["--config", "forebay.toml"]);
        }
        arguments.extend(&case.flags);
        let mut command = forebay(&folder, &arguments);
        command.envs(case.variables.iter().copied());
        let ended = Run::start(&folder, command).end();
        let missing: Vec<_> = case.says.iter().filter(|says| !ended.err.contains(**says)).collect();
        if ended.code != Some(2)
            || !missing.is_empty()
            || !ended.out.is_empty()
            || folder.path("data").exists()
        {
            wrong.push(format!("{}: missing {missing:?} in {ended:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn the_rest_that_the_cases_stand_in_is_sound() {
    let folder = Folder::new();
    let mut run = crate::support::serve(&folder, &format!("amqp_port = 0\nhttp_port = 0\n{REST}"));
    run.ready();
    assert_eq!(run.stop().code, Some(0));
}

#[test]
fn a_file_that_is_not_utf_8_is_told_with_its_line() {
    let folder = Folder::new();
    folder.write("forebay.toml", b"data = \"data\"\nlog = \"\xff\"\n");
    let ended = Run::start(&folder, forebay(&folder, &["serve", "--config", "forebay.toml"])).end();
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("forebay.toml:2:8") && ended.err.contains("UTF-8"), "{}", ended.err);
}

#[test]
fn a_data_folder_that_cannot_be_is_told_at_its_setting() {
    let folder = Folder::new();
    folder.write("file", "");
    for (data, says) in [("/proc/forebay", "cannot"), ("file", "cannot"), ("file/data", "cannot")] {
        let text =
            format!("amqp_port = 0\nhttp_port = 0\n{}", REST.replace("\"data\"", &format!("\"{data}\"")));
        let ended = crate::support::serve(&folder, &text).end();
        assert_ne!(ended.code, Some(0), "{data}");
        assert!(ended.err.contains("forebay.toml:3:8: data: "), "{data}: {}", ended.err);
        assert!(ended.err.contains(says) && ended.err.contains("may write"), "{data}: {}", ended.err);
    }
    assert!(!folder.path("ready.json").exists());
}
