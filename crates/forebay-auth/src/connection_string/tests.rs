use super::*;

const KEY: &str = "c2VjcmV0LXNlY3JldA==";

fn parse(text: &str) -> Result<ConnectionString, ConnectionStringError> {
    text.parse()
}

fn expected(host: &str) -> ConnectionString {
    ConnectionString::new(host, "Root", Secret::new(KEY))
}

#[test]
fn reads_every_form_that_clients_accept() {
    let scheme = |scheme, string| ConnectionString { scheme, ..string };
    let credential = format!("SharedAccessKeyName=Root;SharedAccessKey={KEY}");
    for (text, wanted) in [
        (format!("Endpoint=sb://ns.example/;{credential}"), expected("ns.example")),
        (format!("Endpoint=sb://ns.example;{credential};"), expected("ns.example")),
        (format!(" Endpoint = sb://ns.example/ ; {credential} ;; "), expected("ns.example")),
        (
            format!("endpoint=SB://ns.example/;sharedaccesskeyNAME=Root;SHAREDACCESSKEY={KEY}"),
            expected("ns.example"),
        ),
        (format!("{credential};Endpoint=sb://ns.example/"), expected("ns.example")),
        (format!("Endpoint=sb://localhost:5673;{credential}"), expected("localhost").with_port(5673)),
        (format!("Endpoint=sb://[::1]:5673/;{credential}"), expected("::1").with_port(5673)),
        (format!("Endpoint=sb://[::1];{credential}"), expected("::1")),
        (format!("Endpoint=amqp://h/;{credential}"), scheme(Scheme::Amqp, expected("h"))),
        (format!("Endpoint=amqps://h/;{credential}"), scheme(Scheme::Amqps, expected("h"))),
        (format!("Endpoint=http://h:5672;{credential}"), scheme(Scheme::Http, expected("h").with_port(5672))),
        (format!("Endpoint=https://h/;{credential}"), scheme(Scheme::Https, expected("h"))),
        (format!("Endpoint=sb://h/;{credential};EntityPath=a/b"), expected("h").with_entity_path("a/b")),
        (format!("Endpoint=sb://h/ignored/path;{credential}"), expected("h")),
        (
            format!("Endpoint=sb://h/;{credential};UseDevelopmentEmulator=True;"),
            expected("h").with_development_emulator(),
        ),
        (format!("Endpoint=sb://h/;{credential};UseDevelopmentEmulator=false"), expected("h")),
        (format!("Endpoint=sb://h/;{credential};TransportType=AmqpWebSockets;RuntimePort=1"), expected("h")),
    ] {
        assert_eq!(parse(&text), Ok(wanted), "{text}");
    }
}

#[test]
fn reads_a_ready_token() {
    let token = "SharedAccessSignature sr=sb%3A%2F%2Fh%2F&sig=abc%3D&se=1&skn=Root";
    let string = parse(&format!("Endpoint=sb://h/;SharedAccessSignature={token}")).unwrap();
    assert_eq!(string.credential, Credential::Token(Secret::new(token)));
    assert_eq!(string.to_string(), "Endpoint=sb://h/;SharedAccessSignature=***");
}

#[test]
fn errors_name_the_fix_and_never_the_secret() {
    let credential = format!("SharedAccessKeyName=Root;SharedAccessKey={KEY}");
    for (text, fix) in [
        (String::new(), "add 'Endpoint=sb://host/;'"),
        (credential.clone(), "add 'Endpoint=sb://host/;'"),
        (KEY.trim_end_matches('=').to_owned(), "key=value pairs"),
        (format!("\"Endpoint=sb://h/;{credential}\""), "remove the quotes"),
        (format!("Endpoint=h;{credential}"), "'h' must begin with sb://"),
        (format!("Endpoint=ftp://h;{credential}"), "must begin with sb://"),
        (format!("Endpoint=sb:///;{credential}"), "no usable host"),
        (format!("Endpoint=sb://[::1/;{credential}"), "no usable host"),
        (format!("Endpoint=sb://Root:{KEY}@h/;{credential}"), "from 1 to 65535"),
        (format!("Endpoint=sb://{KEY}@h/;{credential}"), "no usable host"),
        (format!("Endpoint=sb://h,SharedAccessKeyName=Root,SharedAccessKey={KEY}"), "no usable host"),
        (format!("Endpoint=sb://h:5672 SharedAccessKeyName=Root SharedAccessKey={KEY}"), "from 1 to 65535"),
        (format!("Endpoint=sb://h:0/;{credential}"), "from 1 to 65535"),
        (format!("Endpoint=sb://h:x/;{credential}"), "from 1 to 65535"),
        (format!("Endpoint=sb://[::1]5672/;{credential}"), "from 1 to 65535"),
        (format!("Endpoint=;{credential}"), "'Endpoint' has no value"),
        (format!("Endpoint=sb://h/;{credential};Endpoint=sb://i/"), "'Endpoint' stands in"),
        (format!("Endpoint=sb://h/;SharedAccessKey={KEY}"), "add 'SharedAccessKeyName=…'"),
        ("Endpoint=sb://h/;SharedAccessKeyName=Root".into(), "add 'SharedAccessKey=…'"),
        ("Endpoint=sb://h/".into(), "no credential"),
        (format!("Endpoint=sb://h/;{credential};SharedAccessSignature={KEY}"), "keep either"),
        (format!("Endpoint=sb://h/;{credential};UseDevelopmentEmulator=yes"), "'true' or 'false'"),
    ] {
        let error = parse(&text).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(fix), "{text}: {shown}");
        assert!(!shown.contains(KEY.trim_end_matches('=')), "{text}: {shown}");
    }
}

#[test]
fn printing_redacts_and_exposing_reads_back() {
    let string = expected("::1").with_port(5672).with_entity_path("events").with_development_emulator();
    let redacted = "Endpoint=sb://[::1]:5672/;SharedAccessKeyName=Root;SharedAccessKey=***;EntityPath=events;\
                    UseDevelopmentEmulator=true";
    assert_eq!(string.to_string(), redacted);
    assert!(!format!("{string:?}").contains(KEY));
    assert_eq!(string.expose(), redacted.replace("***", KEY));
    assert_eq!(parse(&string.expose()), Ok(string));
}
