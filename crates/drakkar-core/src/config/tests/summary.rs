//! The summary in one line.

use super::config;
use crate::config::Config;

#[test]
fn defaults_in_one_line() {
    assert_eq!(
        Config::default().summary(None),
        "[?] topic=input-events group=drakkar-workers exec=4w/100win/100poll retries=3/120s debug=on:8080 \
         cache=off metrics=9090 dlq=on sinks=[none] log=INFO"
    );
}

#[test]
fn everything_in_one_line() {
    let text = "cluster_name: main
sinks:
  kafka: { b: { topic: t }, a: { topic: t } }
  postgres: { main: { dsn: x } }
  http: { hook: { url: 'http://h' } }
  filesystem: { files: { base_path: /x } }
dlq: { topic: dead }
debug: { enabled: false }
metrics: { enabled: false }
cache: { enabled: true, flush_interval_seconds: 0.5 }
logging: { level: debug }
";
    assert_eq!(
        config(text).summary(Some("w1")),
        "[w1/main] topic=input-events group=drakkar-workers exec=4w/100win/100poll retries=3/120s debug=off \
         cache=on:f=0.5s/s=30s/c=60s/max=10000 metrics=off dlq=dead \
         sinks=[kf:a,b pg:main http:hook fs:files] log=DEBUG"
    );
    let cache = "cache: { enabled: true, max_memory_entries: null, peer_sync: { enabled: false } }";
    assert!(config(cache).summary(None).contains(" cache=on:f=3s/s=off/c=60s metrics"));
}
