//! The real-time callbacks, under an allocator that counts what the thread allocates and frees.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ringback::audio::ring::{capture_ring, playback_ring};

/// The system's allocator, counting per thread.
struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches a thread-local cell only, which
// is initialised by a constant and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count();
        // SAFETY: `ptr` came from `System` by `alloc` or `realloc` above.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: `ptr` came from `System` by `alloc` or `realloc` above.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = CALLS.get();
    run();
    CALLS.get() - before
}

#[test]
fn the_guard_sees_an_allocation() {
    assert!(allocations(|| drop(std::hint::black_box(vec![0u8; 64]))) >= 2);
}

#[test]
fn capture_allocates_nothing_whatever_the_device_brings() {
    let (mut callback, ring) = capture_ring(48_000, 2);
    let (few, many) = ([0.1f32; 48], vec![0i16; 96_000]);
    let made = allocations(|| {
        for _ in 0..200 {
            callback.on_samples(&few);
        }
        // More than the ring holds.
        callback.on_samples(&many);
        callback.on_samples::<f32>(&[]);
        ring.counters().on_error();
    });
    assert_eq!(made, 0);
    assert!(ring.counters().missed() > 0 && ring.counters().has_failed());
}

#[test]
fn playback_allocates_nothing_with_and_without_sound() {
    let (mut callback, ring) = playback_ring(44_100, 2);
    let (mut few, mut many) = ([0f32; 882], vec![0i32; 88_200]);
    let made = allocations(|| {
        for _ in 0..100 {
            callback.on_samples(&mut few);
        }
        callback.on_samples(&mut many);
        callback.on_samples::<u8>(&mut []);
    });
    assert_eq!(made, 0);
    assert_eq!(ring.counters().callbacks(), 102);
}
