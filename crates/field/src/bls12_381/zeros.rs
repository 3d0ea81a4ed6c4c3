//! Memory of large tables.

#![allow(unsafe_code)]

use super::Fr;

/// Tables of as many bytes ask for large pages: a page of 2 MB is one fault in place of 512, and a prover's tables are touched
/// once or twice. They take a sixth of VGG-16's proving time off where the system hands them out on request.
#[cfg(target_os = "linux")]
const LARGE: usize = 1 << 20;

/// Zeros in memory that is asked for as zeroed: it is handed out when it is first touched.
pub(super) fn zeros(len: usize) -> Vec<Fr> {
    const { assert!(size_of::<Fr>() == size_of::<[u64; 4]>() && align_of::<Fr>() == align_of::<[u64; 4]>()) };
    let mut limbs = std::mem::ManuallyDrop::new(vec![[0u64; 4]; len]);
    let (start, capacity) = (limbs.as_mut_ptr(), limbs.capacity());
    #[cfg(target_os = "linux")]
    if len * size_of::<Fr>() >= LARGE {
        use rustix::mm::{Advice, madvise};
        let page = rustix::param::page_size();
        let (first, end) = (start.addr().next_multiple_of(page), (start.addr() + len * size_of::<Fr>()) / page * page);
        // SAFETY: these are pages within the allocation, and the advice changes none of what they hold. That it is not
        // taken is no error.
        let _ = unsafe { madvise(start.with_addr(first).cast(), end - first, Advice::LinuxHugepage) };
    }
    // SAFETY: the allocation is a vector's of this length and capacity, of entries of this size and alignment, and nothing
    // else frees it. An element is four limbs and a marker of no size, and four limbs of zero are the element zero.
    unsafe { Vec::from_raw_parts(start.cast(), len, capacity) }
}
