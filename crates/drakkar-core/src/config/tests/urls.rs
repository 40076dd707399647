//! Which addresses an HTTP sink may call.

use crate::config::{is_forbidden_address, url::check};

#[test]
fn ordinary_addresses_are_allowed() {
    for url in [
        "http://h",
        "https://hooks.example.com:8443/a?b=http://169.254.169.254#c",
        "HTTP://Example.COM.",
        "http://127.0.0.1:80/",
        "http://10.0.0.1",
        "http://[::1]:80/x",
        "http://[2001:db8::1]",
        "http://user:pass@host/",
        "http://169.254.example.com",
        "http://0x.example",
        "http://metadata.example.com",
    ] {
        assert_eq!(check(url), Ok(()), "{url}");
    }
}

#[test]
fn metadata_services_are_refused_in_every_notation() {
    for url in [
        "http://169.254.169.254/",
        "http://169.254.169.254./",
        "http://169.254.169.254.:80",
        "http://2852039166",
        "http://0xA9FEA9FE/latest",
        "http://0251.0376.0251.0376",
        "http://0xa9.254.0251.254",
        "http://169.254.43518",
        "http://169.16689662",
        "http://[::ffff:169.254.169.254]",
        "http://[::ffff:a9fe:a9fe]:80/",
        "http://[::169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[2002:a9fe:a9fe::]",
        "http://[fe80::1]",
        "http://[fd00:ec2::254]",
        "http://100.100.100.200",
        "http://192.0.0.192",
        "http://169.254.1.1",
        "HTTP://METADATA.google.internal/",
        "http://metadata.google.internal./",
        "http://metadata.packet.net",
        "http://x:y@169.254.169.254/",
        "http://a@b@169.254.169.254/",
        "http://169.254.169.254\\@example.com/",
    ] {
        let verdict = check(url).expect_err(url);
        assert!(verdict.starts_with("not point at a metadata service"), "{url}: {verdict}");
    }
}

#[test]
fn what_clients_may_read_otherwise_is_refused() {
    for url in [
        "",
        "h",
        "ftp://h",
        "http:/h",
        "http:h",
        "http:///x",
        "http://",
        "http://.",
        "http://:80",
        "http://user@",
        "http://[::1",
        "http://[x]",
        "http://[fe80::1%25eth0]",
        "http://h:port",
        "http://h:99999",
        "http://[::1]80",
        "http://1.2.3.4.5",
        "http://256.1.1.1",
        "http://4294967296",
        "http://99999999999999999999999999",
        "http://example.08",
        "http://ho st",
        "http://h\t",
        " http://h",
        "http://h\n",
        "http://169%2e254.169.254",
        "http://１６９.254.169.254",
        "http://169。254。169。254",
    ] {
        assert!(check(url).is_err(), "{url}");
    }
}

#[test]
fn resolved_addresses_are_judged_alike() {
    for (address, forbidden) in [
        ("169.254.169.254", true),
        ("::ffff:169.254.169.254", true),
        ("fe80::1", true),
        ("febf::1", true),
        ("fec0::1", false),
        ("127.0.0.1", false),
        ("::1", false),
        ("::", false),
    ] {
        let parsed = address.parse().expect("a valid address");
        assert_eq!(is_forbidden_address(parsed), forbidden, "{address}");
    }
}
