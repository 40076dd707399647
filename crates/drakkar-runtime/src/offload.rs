//! Threads for what hooks hand to `ctx.offload`.

use std::thread;

use drakkar_core::context::Helper;

type Work = Box<dyn FnOnce() + Send>;

/// Work that may wait for a thread. Past that the hook that asks does the work itself.
const WAITING: usize = 4096;

/// A fixed number of threads that take work from one queue. They end with the pool, after the work they are at.
#[derive(Debug)]
pub struct OffloadPool {
    queue: async_channel::Sender<Work>,
}

impl OffloadPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let (queue, work) = async_channel::bounded::<Work>(WAITING);
        for number in 0..threads.max(1) {
            let work = work.clone();
            thread::Builder::new().name(format!("drakkar-offload-{number}")).spawn(move || {
                while let Ok(work) = work.recv_blocking() {
                    work();
                }
            })?;
        }
        Ok(Self { queue })
    }
}

impl Helper for OffloadPool {
    fn run(&self, work: Work) {
        if let Err(refused) = self.queue.try_send(work) {
            refused.into_inner()();
        }
    }
}

#[cfg(test)]
mod tests {
    use drakkar_core::{config::Config, context::Context};

    use super::*;

    #[tokio::test]
    async fn work_runs_elsewhere_and_a_panic_comes_back_as_an_error() {
        let ctx = Context::with_helper("w", "", Config::default(), Box::new(OffloadPool::start(2).unwrap()));
        let here = thread::current().id();
        assert_ne!(ctx.offload(|| thread::current().id()).await.unwrap(), here);
        let error = ctx.offload(|| panic!("on purpose")).await.unwrap_err();
        assert_eq!(error.to_string(), "the offloaded work panicked: on purpose");
        assert_eq!(ctx.offload(|| 7).await.unwrap(), 7, "the thread survives");
    }

    #[tokio::test]
    async fn computing_there_leaves_the_loop_free() {
        let ctx = Context::with_helper("w", "", Config::default(), Box::new(OffloadPool::start(1).unwrap()));
        let (go, wait) = async_channel::bounded::<()>(1);
        let offloaded = ctx.offload(move || wait.recv_blocking().is_ok());
        let (done, ()) = tokio::join!(offloaded, async { go.send(()).await.unwrap() });
        assert!(done.unwrap());
    }
}
