//! Being written.
/// Being written.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Being written.
    pub app: serde_json::Value,
}
