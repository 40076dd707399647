//! Methods on a timer and services: with and without context, any error, any visibility, `cfg`, names of every kind.

#![deny(warnings)]

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {}

struct Full(std::marker::PhantomData<u8>);

#[drakkar::handler]
impl Full {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(Task::for_message).collect())
    }

    /// Every half minute.
    #[periodic(every = "30s")]
    async fn refresh(&self, ctx: &Context) -> Result<()> {
        ctx.offload(|| ()).await?;
        Ok(())
    }

    #[periodic(on_error = "stop", every = "0.5 h")]
    pub async fn r#loop(self: &Self) -> std::io::Result<()> {
        Ok(())
    }

    #[periodic(every = "250ms", on_error = "continue")]
    #[expect(unused_variables, reason = "to see that it is kept")]
    pub(crate) async fn periodic<'a>(&'a self, ctx: &'a Context) -> Result<()> {
        let unused = 1;
        std::future::ready(Ok(())).await
    }

    // With the attribute, no hook is looked for behind the name.
    #[drakkar::periodic(every = "1m")]
    async fn on_tick(&self, _: &Context) -> std::result::Result<(), std::fmt::Error> {
        Err(std::fmt::Error)
    }

    #[service]
    async fn serve(&self, ctx: &Context) -> Result<()> {
        ctx.stopping().await;
        Ok(())
    }

    #[service()]
    async fn service(&self) -> Result<()> {
        self.helper().await
    }

    #[cfg(not(unix))]
    #[service]
    async fn absent(&self, ctx: &Context) -> std::result::Result<(), NoSuchType> {
        no_such_function(ctx)
    }

    async fn helper(&self) -> Result<()> {
        Ok(())
    }
}

struct OnlyAbsent;

#[drakkar::handler]
impl OnlyAbsent {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(Task::for_message).collect())
    }

    #[periodic(every = "1s")]
    #[cfg(not(unix))]
    async fn absent(&self) -> Result<()> {
        no_such_function()
    }
}

struct Generic<T>(T);

#[drakkar::handler]
impl<T: Clone + Send + Sync + 'static> Generic<T> {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(Task::for_message).collect())
    }

    #[periodic(every = "1s")]
    async fn copy(&self) -> Result<()> {
        let copy = self.0.clone();
        std::future::ready(()).await;
        drop(copy);
        Ok(())
    }
}

const _: () = {
    assert!(<Full as Handler>::PERIODIC.len() == 4);
    assert!(<Full as Handler>::SERVICES.len() == 2);
    assert!(<OnlyAbsent as Handler>::PERIODIC.is_empty());
};

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Full(std::marker::PhantomData));
    is_handler(OnlyAbsent);
    is_handler(Generic(1));
}
