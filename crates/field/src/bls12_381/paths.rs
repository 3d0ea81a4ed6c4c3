//! Every path that kernels take on some processor, for tests: on one with all extensions, what others run is else met by the ends
//! of tables alone.

use std::cell::Cell;

thread_local! {
    /// Proofs of extensions that are not given on this thread, by name.
    static HIDDEN: Cell<&'static [&'static str]> = const { Cell::new(&[]) };
}

/// A path that this thread takes until this is dropped.
pub(super) struct Path(());

impl Drop for Path {
    fn drop(&mut self) {
        HIDDEN.set(&[]);
    }
}

/// The paths, one after the other: that of this processor, without vectors, and portable code.
pub(super) fn paths() -> impl Iterator<Item = Path> {
    let hide = |hidden| {
        HIDDEN.set(hidden);
        Path(())
    };
    [&[][..], &["Ifma"], &["Ifma", "Adx"]].into_iter().map(hide)
}

/// Whether this thread's path does without an extension that the processor may have.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(super) fn is_hidden(proof: &str) -> bool {
    HIDDEN.get().contains(&proof)
}
