//! `cargo xtask services up|down|status`.

use anyhow::Result;
use clap::Subcommand;
use xtask::services::shared;

/// What to do with the servers.
#[derive(Clone, Copy, Subcommand)]
pub(crate) enum Action {
    /// Starts what does not run and prints the settings tests need.
    Up,
    /// Stops everything.
    Down,
    /// Shows what runs.
    Status,
}

pub(crate) fn run(action: Action) -> Result<()> {
    match action {
        Action::Up => {
            let (services, _) = shared::up()?;
            for (name, value) in shared::variables(&services) {
                println!("export {name}={value}");
            }
        }
        Action::Down => println!("stopped {} services", shared::down()?),
        Action::Status => {
            let services = shared::running()?;
            if services.is_empty() {
                println!("no service runs; start them with `cargo xtask services up`");
            }
            for service in services {
                println!("{:<10} {:<22} pid {}", service.name, service.address, service.pid);
            }
        }
    }
    Ok(())
}
