//! The name of a worker and of its cluster.

use std::{
    hash::{BuildHasher, RandomState},
    process,
};

use drakkar_core::config::Config;
use drakkar_telemetry::Identity;

use crate::RunError;

/// Names the worker: the configured variables decide, else a name is made up.
pub(crate) fn identity(config: &Config, name: Option<String>) -> Result<Identity, RunError> {
    let variable = |key: &str| std::env::var(key).ok().filter(|v| !key.is_empty() && !v.is_empty());
    let given = name.or_else(|| variable(&config.worker_name_env));
    let worker = match given {
        Some(name) if is_name(&name) => name,
        Some(name) => return Err(RunError::WorkerName { name, variable: config.worker_name_env.clone() }),
        None => format!("drakkar-{:08x}", RandomState::new().hash_one(process::id()) as u32),
    };
    let cluster = variable(&config.cluster_name_env).unwrap_or_else(|| config.cluster_name.clone());
    Ok(Identity { worker, cluster, group: config.kafka.consumer_group.clone() })
}

fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lead_out_of_a_folder() {
        assert!(is_name("worker-1.example_a"));
        for bad in ["", "../w", "a/b", ".hidden", "a b", "w\n"] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_made_up_name_is_a_name() {
        let identity = identity(&Config::default(), None).unwrap();
        assert!(is_name(&identity.worker), "{}", identity.worker);
    }
}
