//! Each thing that can be wrong with certificate and key is told at its setting.

use crate::certificates::{pem, write};
use crate::support::{Folder, serve, set_mode};

const CONFIGURATION: &str = "data = \"data\"
amqps_port = 0
https_port = 0
amqp_port = \"off\"
http_port = \"off\"
[tls]
certificate = \"certificate.pem\"
key = \"key.pem\"
[[namespace]]
name = \"orders\"
hosts = [\"localhost\"]
";
const AT_CERTIFICATE: &str = "forebay.toml:7:15: tls.certificate: ";
const AT_KEY: &str = "forebay.toml:8:7: tls.key: ";

/// Starts with a sound pair that was spoilt.
fn refused(spoil: impl FnOnce(&Folder), says: &[&str]) {
    let folder = Folder::new();
    write(&folder, &["localhost"]);
    spoil(&folder);
    let ended = serve(&folder, CONFIGURATION).end();
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    for says in says {
        assert!(ended.err.contains(says), "missing {says}: {}", ended.err);
    }
    // The line that a key begins with differs from that of other keys only behind this.
    let key = std::fs::read_to_string(folder.path("key.pem")).unwrap_or_default();
    for line in key.lines().filter(|line| line.len() > 40 && !line.starts_with("-----")) {
        assert!(!ended.err.contains(&line[30..]), "no part of a key: {}", ended.err);
    }
    assert!(!folder.path("data").exists(), "nothing is left behind");
}

#[test]
fn a_missing_certificate_or_key_is_told() {
    refused(
        |folder| std::fs::remove_file(folder.path("certificate.pem")).unwrap(),
        &[AT_CERTIFICATE, "cannot be read", "give the path"],
    );
    refused(
        |folder| std::fs::remove_file(folder.path("key.pem")).unwrap(),
        &[AT_KEY, "cannot be read", "give the path"],
    );
}

#[test]
fn an_empty_file_is_told() {
    refused(|folder| drop(folder.write("certificate.pem", "")), &[AT_CERTIFICATE, "is empty"]);
    refused(|folder| drop(folder.write("key.pem", "")), &[AT_KEY, "is empty"]);
}

#[test]
fn a_folder_in_place_of_a_file_is_told() {
    let spoil = |folder: &Folder| {
        std::fs::remove_file(folder.path("certificate.pem")).unwrap();
        std::fs::create_dir(folder.path("certificate.pem")).unwrap();
    };
    refused(spoil, &[AT_CERTIFICATE, "cannot be read"]);
}

#[test]
fn the_key_of_another_certificate_is_told() {
    let other = pem(&["localhost"], 2020, 2099).1;
    refused(
        |folder| drop(folder.write("key.pem", other)),
        &[AT_KEY, "the key of another certificate", "certificate.pem was made with"],
    );
}

#[test]
fn swapped_files_are_told() {
    let swap = |folder: &Folder| {
        let (certificate, key) = (folder.read("certificate.pem"), folder.read("key.pem"));
        folder.write("certificate.pem", key);
        folder.write("key.pem", certificate);
    };
    refused(
        swap,
        &[AT_CERTIFICATE, "holds no certificate but something else", "-----BEGIN CERTIFICATE-----"],
    );
    let twice = |folder: &Folder| drop(folder.write("key.pem", folder.read("certificate.pem")));
    refused(twice, &[AT_KEY, "holds no private key"]);
}

#[test]
fn what_is_no_pem_is_told() {
    refused(
        |folder| drop(folder.write("certificate.pem", "hello")),
        &[AT_CERTIFICATE, "no certificate but nothing"],
    );
    refused(|folder| drop(folder.write("key.pem", "hello")), &[AT_KEY, "no private key"]);
    let no_certificate = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    refused(|folder| drop(folder.write("certificate.pem", no_certificate)), &[AT_CERTIFICATE, "is no X.509"]);
}

#[test]
fn an_expired_certificate_and_one_of_the_future_are_told() {
    let spoil = |from, until| {
        move |folder: &Folder| {
            let (certificate, key) = pem(&["localhost"], from, until);
            folder.write("certificate.pem", certificate);
            folder.write("key.pem", key);
        }
    };
    refused(spoil(2000, 2001), &[AT_CERTIFICATE, "expired", "days ago", "renewed"]);
    refused(spoil(2098, 2099), &[AT_CERTIFICATE, "is not valid before", "clock"]);
}

#[test]
fn a_key_that_everyone_may_read_is_refused_and_one_of_a_group_is_not() {
    refused(|folder| set_mode(&folder.path("key.pem"), 0o644), &[AT_KEY, "mode 0644", "chmod 640"]);
    refused(
        |folder| set_mode(&folder.path("key.pem"), 0o660),
        &[AT_KEY, "others may change it", "chmod 640"],
    );
    let folder = Folder::new();
    write(&folder, &["localhost"]);
    set_mode(&folder.path("key.pem"), 0o640);
    let mut run = serve(&folder, CONFIGURATION);
    run.ready();
    assert_eq!(run.stop().code, Some(0));
}
