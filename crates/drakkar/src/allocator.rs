//! mimalloc as the program's global allocator, tuned for a process that should stay small.
#![expect(
    unsafe_code,
    reason = "an allocator's interface is unsafe; every call is handed to mimalloc as it is"
)]

use std::{
    alloc::{GlobalAlloc, Layout},
    sync::Once,
};

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

/// `arena_eager_commit`, which the binding does not name.
const ARENA_EAGER_COMMIT: mi_option_t = 4;

#[global_allocator]
static ALLOCATOR: Tuned = Tuned;

struct Tuned;

impl Tuned {
    /// Sets the option before mimalloc reserves its first memory, which is when it reads them.
    #[inline]
    fn ready() {
        static READY: Once = Once::new();
        READY.call_once(|| {
            // Committing a whole arena at once makes huge pages of memory that is hardly touched: 11 MiB more at rest.
            // SAFETY: it only stores a number; nothing is allocated.
            unsafe { mi_option_set(ARENA_EAGER_COMMIT, 0) };
        });
    }
}

// SAFETY: every method hands its arguments to mimalloc unchanged, which fulfils the contract.
unsafe impl GlobalAlloc for Tuned {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::ready();
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::ready();
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.realloc(memory, layout, size) }
    }
}
