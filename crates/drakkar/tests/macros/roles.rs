//! Periodic methods and services: their tables, and that an index reaches the method of its entry.

use std::{sync::Mutex, time::Duration};

use drakkar::{__private::core::handler::Periodic, prelude::*};

use super::support::{block_on, context};

/// Writes down each call. Some methods are configured away, first, between and last.
#[derive(Default)]
struct Timed(Mutex<Vec<String>>);

impl Timed {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[drakkar::handler]
impl Timed {
    async fn arrange(&self, _window: Window<'_, u64>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }

    #[cfg(windows)]
    #[periodic(every = "1s")]
    async fn absent(&self) -> Result<()> {
        no_such_function()
    }

    #[periodic(every = "30s")]
    async fn refresh(&self, ctx: &Context) -> Result<()> {
        self.note(format!("refresh {}", ctx.worker()));
        Ok(())
    }

    #[service]
    async fn serve(&self, ctx: &Context) -> Result<()> {
        self.note(format!("serve {}", ctx.cluster()));
        Ok(())
    }

    #[cfg(windows)]
    #[service]
    async fn absent_service(&self) -> Result<()> {
        no_such_function()
    }

    #[cfg(not(windows))]
    #[periodic(every = "1.5m", on_error = "stop")]
    async fn sweep(&self) -> std::io::Result<()> {
        self.note("sweep");
        Err(std::io::Error::other("disk is full"))
    }

    #[cfg(unix)]
    #[cfg(windows)]
    #[periodic(every = "1s")]
    async fn absent_too(&self) -> Result<()> {
        no_such_function()
    }

    #[periodic(on_error = "continue", every = "250ms")]
    async fn r#move(&self) -> Result<()> {
        self.note("move");
        std::future::ready(Ok(())).await
    }

    #[cfg(windows)]
    #[periodic(every = "1s")]
    async fn absent_at_last(&self) -> Result<()> {
        no_such_function()
    }

    #[cfg(not(windows))]
    #[service]
    async fn listen(&self) -> Result<()> {
        self.note("listen");
        Err(Error::msg("address in use"))
    }
}

struct Plain;

#[drakkar::handler]
impl Plain {
    async fn arrange(&self, _window: Window<'_, u64>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }

    #[cfg(windows)]
    #[service]
    async fn absent(&self) -> Result<()> {
        no_such_function()
    }
}

#[test]
fn periodic_methods_are_listed_as_they_are_written() {
    let entry = |name, milliseconds, stop_on_error| Periodic {
        name,
        every: Duration::from_millis(milliseconds),
        stop_on_error,
    };
    let entries = [entry("refresh", 30_000, false), entry("sweep", 90_000, true), entry("move", 250, false)];
    assert_eq!(Timed::PERIODIC, entries);
    assert_eq!(Plain::PERIODIC, []);
}

#[test]
fn services_are_listed_as_they_are_written() {
    assert_eq!(Timed::SERVICES, ["serve", "listen"]);
    assert!(Plain::SERVICES.is_empty());
}

#[test]
fn an_index_runs_the_periodic_method_of_its_entry() {
    let (handler, ctx) = (Timed::default(), context());
    block_on(Handler::periodic(&handler, 0, &ctx)).unwrap();
    assert_eq!(handler.take(), ["refresh worker-7"]);
    let error = block_on(Handler::periodic(&handler, 1, &ctx)).unwrap_err();
    assert_eq!(error.to_string(), "disk is full");
    assert_eq!(handler.take(), ["sweep"]);
    block_on(Handler::periodic(&handler, 2, &ctx)).unwrap();
    assert_eq!(handler.take(), ["move"]);
}

#[test]
fn an_index_runs_the_service_of_its_entry() {
    let (handler, ctx) = (Timed::default(), context());
    block_on(Handler::service(&handler, 0, &ctx)).unwrap();
    assert_eq!(handler.take(), ["serve blue"]);
    let error = block_on(Handler::service(&handler, 1, &ctx)).unwrap_err();
    assert_eq!(error.to_string(), "address in use");
    assert_eq!(handler.take(), ["listen"]);
}

#[test]
fn an_index_outside_the_table_is_an_error_and_runs_nothing() {
    let (handler, ctx) = (Timed::default(), context());
    let error = block_on(Handler::periodic(&handler, 3, &ctx)).unwrap_err();
    assert_eq!(error.to_string(), "the handler has no periodic method with this index");
    block_on(Handler::service(&handler, 2, &ctx)).unwrap_err();
    block_on(Handler::service(&Plain, 0, &ctx)).unwrap_err();
    assert!(handler.take().is_empty());
}
