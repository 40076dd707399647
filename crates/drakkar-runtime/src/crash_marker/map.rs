//! A file in memory: what is stored there outlives the process, whatever ends it.
#![expect(
    unsafe_code,
    reason = "mapping a file is unsafe; everything that touches the mapping is in this module"
)]

use std::{ffi::c_void, fs::File, io, ptr, ptr::NonNull, slice, sync::atomic::AtomicU64};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The whole of a file, shared with the kernel, as words.
///
/// A file that someone else shortens takes the pages away: the next store there ends the process (SIGBUS). Nobody has a
/// reason to do that to a marker, and the kernel offers no store that would fail instead.
#[derive(Debug)]
pub(super) struct Map {
    base: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the mapping belongs to this value alone, lives until it is dropped, and is reached only as atomics.
unsafe impl Send for Map {}
// SAFETY: as above; atomics may be shared.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the first `words` words of a file, which must have them already.
    pub(super) fn new(file: &File, words: usize) -> io::Result<Self> {
        let bytes = words * size_of::<AtomicU64>();
        if words == 0 || file.metadata()?.len() < bytes as u64 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is shorter than what is mapped",
            ));
        }
        // SAFETY: the kernel chooses the address, so no memory in use is replaced.
        let base = unsafe {
            mmap(ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0)?
        };
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at address zero"))?;
        Ok(Self { base, words })
    }

    /// The file's words.
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: `base` is the start of a page, thus aligned; `words` words of it stay mapped as long as `self` lives;
        // any bits are an `AtomicU64`; other processes only read the file.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), self.words) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let bytes = self.words * size_of::<AtomicU64>();
        // SAFETY: the range is exactly what `new` mapped, and no slice of it can outlive `self`.
        if let Err(error) = unsafe { munmap(self.base.as_ptr().cast::<c_void>(), bytes) } {
            tracing::warn!(category = "lifecycle", %error, "failed to unmap the crash marker");
        }
    }
}
