//! The committed reference page is the generated one, and every setting is documented.

use std::path::Path;

use crate::config::{Config, reference, schema::Field, schema::Shape, section::Section as _};

#[test]
fn the_committed_page_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = reference();
    if std::env::var_os("DRAKKAR_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/configuration.md is not up to date; run `DRAKKAR_BLESS=1 cargo test -p drakkar-core config`"
    );
}

#[test]
fn every_setting_is_documented() {
    fn walk(path: &str, fields: &[Field]) {
        for field in fields {
            let path = format!("{path}.{}", field.key);
            let doc = field.doc.trim();
            assert!(doc.ends_with('.') && doc.starts_with(char::is_uppercase), "{path}: {doc:?}");
            match &field.shape {
                Shape::Section(fields) => walk(&path, &fields()),
                Shape::Map(of) | Shape::List(of) => {
                    if let Shape::Section(fields) = **of {
                        walk(&path, &fields());
                    }
                }
                _ => {}
            }
        }
    }
    walk("", &Config::fields());
}
